#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "baseline/constants.h"
#include "baseline/section_frame.h"
#include "core/hash.h"

namespace trailwarden::testing {

/// Saved baselines whose checksums fit their bytes again, as far as the lengths of their sections lead: so that damage comes past the frame.
inline std::string sealed(std::string state) {
  constexpr std::size_t kLengthAt = 8, kChecksumAt = 16, kHead = 24;
  std::size_t at = baseline::SectionWriter::kMagic.size() + sizeof(std::uint16_t) + sizeof(std::uint32_t) + baseline::constants_hash().size();
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
