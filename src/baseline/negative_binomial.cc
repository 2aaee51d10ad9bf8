#include "baseline/negative_binomial.h"

#include <algorithm>
#include <cmath>

#include "baseline/portable_math.h"

namespace trailwarden::baseline {
namespace {

constexpr double kHalfLogTwoPi = 0.918938533;

/// (1 - Phi(w)) / phi(w) for w >= 0.
double mills_ratio(double w) {
  if (w < 3) {
    const double t = 1 / (1 + 0.2316419 * w);
    return t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  }
  double fraction = w + 1e-9;
  for (int k = 6; k >= 1; --k) fraction = w + k / fraction;
  return 1 / fraction;
}

/// -ln I_q(x, r): the upper tail by modified Lentz, ten double steps.
double beta_tail(double x, double r, double f) {
  const double q = f / (1 + f);
  const auto away_from_zero = [](double v) { return std::abs(v) < 1e-30 ? 1e-30 : v; };
  double d = 1 / away_from_zero(1 - (x + r) * q / (x + 1));
  double h = d, c = 1;
  const auto step = [&](double term) {
    d = 1 / (1 + term * d);
    c = 1 + term / c;
    h = h * d * c;
  };
  for (int m = 1; m <= 10; ++m) {
    step(m * (r - m) * q / ((x + 2 * m - 1) * (x + 2 * m)));
    step(-(x + m) * (x + r + m) * q / ((x + 2 * m) * (x + 2 * m + 1)));
  }
  const double log_beta = portable_lgamma(x + r) - portable_lgamma(x) - portable_lgamma(r);
  return -(x * portable_log(q) - r * portable_log1p(f) + log_beta - portable_log(x) + portable_log(h));
}

double saddlepoint(double x, double mean, double f) {
  const double scale = mean + x * f;
  const double theta = portable_log(x * (1 + f) / scale);
  const double information = std::max(x * theta + mean / f * portable_log1p(f * (mean - x) / scale), 1e-12);
  const double w = std::sqrt(2 * information);
  const double u = -portable_expm1(-std::abs(theta)) * std::sqrt(x * (1 + x * f / mean));
  const double tail = mills_ratio(w) + 1 / std::max(u, 1e-9) - 1 / w;
  return information + kHalfLogTwoPi - portable_log(std::max(tail, 1e-300));
}

}  // namespace

double surprise(double x, double mean, double phi) {
  const double f = std::max(phi - 1, 1e-6), r = mean / f;
  if (x <= 0) return r * portable_log1p(f);
  const bool exact = x > mean && (r < 8 || x < 12);
  return std::max(exact ? beta_tail(x, r, f) : saddlepoint(x, mean, f), 0.0);
}

}  // namespace trailwarden::baseline
