#include "baseline/portable_math.h"

#include <bit>
#include <cstdint>

namespace trailwarden::baseline {
namespace {

// ln 2 in two parts: the first has so many zero bits at its end that a whole number times it is exact.
constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kLog2E = 1.4426950408889634;

/// 2 artanh(s), |s| <= 0.1716: 2 (s + s^3/3 + s^5/5 + ...).
double twice_artanh(double s) {
  const double q = s * s;
  double sum = 0;
  for (int k = 23; k >= 3; k -= 2) sum = (sum + 1.0 / k) * q;
  return 2 * s + 2 * s * sum;
}

/// e^r - 1, |r| <= 0.35, by its series.
double expm1_near_zero(double r) {
  double sum = 1;
  for (int k = 14; k >= 2; --k) sum = 1 + sum * r / k;
  return sum * r;
}

/// x = 2^exponent m with m in [sqrt(1/2), sqrt(2)).
struct Split {
  double m;
  double exponent;
};

Split split(double x) {
  constexpr std::uint64_t kMantissa = (std::uint64_t{1} << 52) - 1, kSqrtHalf = 0x3fe6a09e667f3bcdULL;
  const std::uint64_t shifted = std::bit_cast<std::uint64_t>(x) - kSqrtHalf;
  const auto exponent = static_cast<std::int64_t>(shifted) >> 52;
  return {std::bit_cast<double>((shifted & kMantissa) + kSqrtHalf), static_cast<double>(exponent)};
}

double scale(double value, std::int64_t power) {
  return value * std::bit_cast<double>(static_cast<std::uint64_t>(1023 + power) << 52);
}

}  // namespace

double portable_log(double x) {
  const auto [m, exponent] = split(x);
  return exponent * kLn2High + (exponent * kLn2Low + twice_artanh((m - 1) / (m + 1)));
}

double portable_log1p(double x) {
  if (x > -0.29 && x < 0.41) return twice_artanh(x / (2 + x));
  return portable_log(1 + x);
}

double portable_exp(double x) {
  if (x < -700) return 0;
  if (x > 700) x = 700;
  const double steps = x * kLog2E;
  const auto power = static_cast<std::int64_t>(steps < 0 ? steps - 0.5 : steps + 0.5);
  const auto k = static_cast<double>(power);
  const double r = (x - k * kLn2High) - k * kLn2Low;
  return scale(1 + expm1_near_zero(r), power);
}

double portable_expm1(double x) {
  if (x > -0.35 && x < 0.35) return expm1_near_zero(x);
  return portable_exp(x) - 1;
}

double portable_pow(double x, double y) { return portable_exp(y * portable_log(x)); }

double portable_lgamma(double z) {
  const double y = z + 6, i = 1 / (y * y);
  const double shift = portable_log(z * (z + 1) * (z + 2)) + portable_log((z + 3) * (z + 4) * (z + 5));
  const double series = (1.0 / 12 - i * (1.0 / 360 - i * (1.0 / 1260 - i / 1680))) / y;
  return (y - 0.5) * portable_log(y) - y + 0.918938533204673 + series - shift;
}

}  // namespace trailwarden::baseline
