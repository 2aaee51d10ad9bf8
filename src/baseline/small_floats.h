#pragma once

#include <bit>
#include <cstdint>

namespace trailwarden::baseline {

/// bfloat16: the upper half of a float32, rounded to nearest even. For finite values.
inline std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}
/// The smallest bfloat16 that is not below `value`, which is finite and not negative.
inline std::uint16_t to_bfloat16_up(float value) { return static_cast<std::uint16_t>((std::bit_cast<std::uint32_t>(value) + 0xffffU) >> 16); }
/// The largest bfloat16 that is not above `value`, which is finite and not negative.
inline std::uint16_t to_bfloat16_down(float value) { return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16); }
inline float from_bfloat16(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

/// binary16 (IEEE 754), rounded to nearest even, for values in 0..65504; what is above becomes 65504. Subnormals included.
std::uint16_t to_binary16(double value);
double from_binary16(std::uint16_t bits);

}  // namespace trailwarden::baseline
