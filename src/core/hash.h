#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace trailwarden {

/// XXH3-64 with seed 0: stable across versions and machines, so it may be stored and used for
/// sharding, which `std::hash` may not. https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
std::uint64_t xxh3_64(std::string_view bytes);

/// MurmurHash2, 32 bits, as Kafka's default partitioner has it (seed 0x9747b28c). A key belongs to partition (hash & 0x7fffffff) mod partitions.
/// Source: org.apache.kafka.common.utils.Utils.murmur2.
std::uint32_t murmur2(std::string_view bytes);

/// The mixer of Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: a bijection of 64-bit words. The words
/// s, s + kSplitmixStep, s + 2 kSplitmixStep, ... mixed are a stream of random numbers.
inline constexpr std::uint64_t kSplitmixStep = 0x9e3779b97f4a7c15ULL;
constexpr std::uint64_t splitmix64(std::uint64_t word) {
  word += kSplitmixStep;
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ULL;
  word = (word ^ (word >> 27)) * 0x94d049bb133111ebULL;
  return word ^ (word >> 31);
}

/// A UUID of version 8 (RFC 9562 section 5.8) whose free bits are the first ones of SHA-256 of `bytes`.
/// The same bytes give the same id on every machine and in every version.
std::string uuid_of(std::string_view bytes);

/// The same of several parts, each with its length in front, so that ("ab", "c") and ("a", "bc") differ.
std::string uuid_of_parts(std::initializer_list<std::string_view> parts);

/// Lower-case hexadecimal digits of these bytes.
std::string to_hex(std::string_view bytes);

/// SHA-256: its 32 bytes, and the same in hexadecimal.
std::string sha256_bytes(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);

}  // namespace trailwarden
