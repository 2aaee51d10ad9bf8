#pragma once

#include <cstdint>
#include <string>

#include "baseline/constants.h"
#include "baseline/section_frame.h"
#include "core/hash.h"

namespace trailwarden::testing {

/// Saved baselines whose constants are today's and whose checksums fit their bytes, as far as the lengths of their sections lead: so that damage comes
/// past the frame, and states that were kept outlive a change of constants.
inline std::string sealed(std::string state) {
  constexpr std::size_t kHashAt = 10, kLengthAt = 8, kChecksumAt = 16, kHead = 24;
  const std::string constants = baseline::constants_hash();
  std::size_t at = kHashAt + constants.size();
  if (state.size() < at) return state;
  state.replace(kHashAt, constants.size(), constants);
  while (at + kHead <= state.size()) {
    ByteReader length(std::string_view(state).substr(at + kLengthAt));
    const auto bytes = length.number<std::uint64_t>();
    if (bytes > state.size() - at - kHead) return state;
    const auto checksum = little_endian(xxh3_64(std::string_view(state).substr(at + kHead, bytes)));
    state.replace(at + kChecksumAt, checksum.size(), checksum.data(), checksum.size());
    at += kHead + bytes;
  }
  return state;
}

}  // namespace trailwarden::testing
