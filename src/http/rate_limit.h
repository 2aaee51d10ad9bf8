#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace trailwarden::http {

/// Whose requests are counted together: an IPv4 address, or an IPv6 network of 64 bits, of which one host may have all addresses. 16 bytes.
using AddressKey = std::array<unsigned char, 16>;

/// So many requests a second of each address, and twice as many at once. A bucket of tokens for it, which fills up with time.
///
/// Bounds: 1,024 buckets, 16 KiB, however many addresses there are. Addresses that share one share its tokens; which do is drawn anew by each process, so that nobody can
/// choose an address that shares another's. Not thread-safe. Time: as it is told.
/// Why not a table of addresses: it grows with whoever asks, and to bound it is to let somebody push others out of it.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  /// per_second 0: no limit.
  explicit RateLimit(double per_second);

  /// Whether one more is within it; then it is counted.
  bool take(const AddressKey& address, Clock::time_point now);

 private:
  static constexpr std::size_t kBuckets = 1024;
  struct Bucket {
    double tokens = 0;
    Clock::time_point filled{};  // as of when; the epoch: never used, so full
  };

  const double per_second_;
  const std::uint64_t seed_;
  std::array<Bucket, kBuckets> buckets_{};
};

}  // namespace trailwarden::http
