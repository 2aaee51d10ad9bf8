#pragma once

#include <cmath>

#include <Eigen/Core>

#include "baseline/constants.h"
#include "baseline/portable_math.h"
#include "baseline/row_block.h"

// The formulas of a row's mean and spread, each in one place: on columns of float32 in the minute pass, on one row (a column of
// length 1) where an event is judged. Only + - * / sqrt, min, max and selects, which IEEE 754 fixes bit for bit.
namespace trailwarden::baseline {

template <class T>
using ColumnOf = Eigen::Array<T, Eigen::Dynamic, 1, 0, kBlockRows, 1>;  // of at most a block, so that temporaries live on the stack
using Column = ColumnOf<float>;
using OneRow = Eigen::Array<float, 1, 1>;

/// What a decayed sum loses in some minutes: 1 - 2^(-minutes / half-life). Sums decay as sum - sum * loss: the factor itself, so close to 1, would
/// carry its rounding error into every step, always the same way.
inline float loss(double minutes, double half_life_days) {
  return static_cast<float>(-portable_expm1(-portable_log(2) * minutes / 1440 / half_life_days));
}

/// phi_w = max(1, (num_w + phi0_w k (1+c)) / (den_w + k)), k = 6; `cold`: 1 + c, where c = 0.6 for calls and 0 otherwise.
template <class Squares, class Exposure, class Prior, class Out>
void dispersion(const Squares& squares, const Exposure& exposure, const Prior& prior, float cold, Out& phi) {
  phi = ((squares + prior * (kDispersionWeight * cold)) / (exposure + kDispersionWeight)).max(1.0F);
}

/// Level [calls/min] and its relative variance:
///   lambda_slow = (A_s + 0.3) / (B_s + 30),  w0 = 20 phi_60 / lambda_slow
///   lambda = (A_f + w0 lambda_slow) / (B_f + w0),  v = phi_60 / (A_f + min(w0 lambda_slow, A_s) + 1)
template <class Calls, class Exposure, class Phi, class Out>
void level(const Calls& calls_fast, const Exposure& exposure_fast, const Calls& calls_slow, const Exposure& exposure_slow, const Phi& phi60,
           Out& lambda, Out& variance) {
  const auto slow = ((calls_slow + kPriorCalls) / (exposure_slow + kPriorMinutes)).eval();
  const auto weight = (phi60 * kSlowWeight / slow).eval();
  lambda = (calls_fast + weight * slow) / (exposure_fast + weight);
  variance = phi60 / (calls_fast + (weight * slow).min(calls_slow) + 1.0F);
}

/// Dispersion of a window with the uncertainty of its mean: phi = phi_w + M (v + 0.06^2). Of columns it is an expression: to be assigned where it stands.
template <class Phi, class Mean, class Variance>
auto total_dispersion(const Phi& phi_window, const Mean& mean, const Variance& variance) {
  return phi_window + mean * (variance + kModelError * kModelError);
}

}  // namespace trailwarden::baseline
