#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace trailwarden {

/// XXH3-64 with seed 0: stable across versions and machines, so it may be stored and used for
/// sharding, which `std::hash` may not. https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
std::uint64_t xxh3_64(std::string_view bytes);

/// XXH3-128 with seed 0.
struct Hash128 {
  std::uint64_t high = 0, low = 0;
  auto operator<=>(const Hash128&) const = default;
};
Hash128 xxh3_128(std::string_view bytes);

/// The mixer of Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: a bijection of 64-bit words.
std::uint64_t splitmix64(std::uint64_t word);

/// A UUID of version 8 (RFC 9562 section 5.8) whose free bits are the first ones of SHA-256 of `bytes`.
/// The same bytes give the same id on every machine and in every version.
std::string uuid_of(std::string_view bytes);

/// Lower-case hexadecimal SHA-256.
std::string sha256_hex(std::string_view bytes);

}  // namespace trailwarden
