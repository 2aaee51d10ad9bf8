#include "baseline/small_floats.h"

namespace trailwarden::baseline {
namespace {

constexpr int kMantissaBits = 10, kBias = 15;
constexpr double kLargest = 65504;

/// Nearest whole number, ties to even, for 0 <= value < 2^52.
std::uint64_t nearest_even(double value) {
  constexpr double kShift = 0x1p52;
  return std::bit_cast<std::uint64_t>(value + kShift) & ((std::uint64_t{1} << 52) - 1);
}

double power_of_two(int exponent) { return std::bit_cast<double>(static_cast<std::uint64_t>(1023 + exponent) << 52); }

}  // namespace

std::uint16_t to_binary16(double value) {
  if (!(value > 0)) return 0;
  if (value >= kLargest) return 0x7bff;
  const int exponent = static_cast<int>(std::bit_cast<std::uint64_t>(value) >> 52) - 1023;
  // In units of the last place; a carry into the next binade lands in the exponent bits by itself.
  const int unit = (exponent < 1 - kBias ? 1 - kBias : exponent) - kMantissaBits;
  const std::uint64_t units = nearest_even(value * power_of_two(-unit));
  const auto base = static_cast<std::uint64_t>(unit + kMantissaBits + kBias - 1) << kMantissaBits;
  return static_cast<std::uint16_t>(base + units);
}

double from_binary16(std::uint16_t bits) {
  const int exponent = bits >> kMantissaBits;
  const double mantissa = bits & ((1U << kMantissaBits) - 1);
  if (exponent == 0) return mantissa * power_of_two(1 - kBias - kMantissaBits);
  return (mantissa + (1U << kMantissaBits)) * power_of_two(exponent - kBias - kMantissaBits);
}

}  // namespace trailwarden::baseline
