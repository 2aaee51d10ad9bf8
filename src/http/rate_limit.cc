#include "http/rate_limit.h"

#include <algorithm>
#include <random>
#include <string_view>

#include "core/hash.h"

namespace trailwarden::http {
namespace {

constexpr double kAtOnce = 2;  // seconds' worth

}  // namespace

RateLimit::RateLimit(double per_second) : per_second_(per_second), seed_((std::uint64_t{std::random_device{}()} << 32) | std::random_device{}()) {}

bool RateLimit::take(const AddressKey& address, Clock::time_point now) {
  if (per_second_ <= 0) return true;
  const std::uint64_t hash = xxh3_64({reinterpret_cast<const char*>(address.data()), address.size()});
  Bucket& bucket = buckets_[splitmix64(hash ^ seed_) % kBuckets];
  const double most = std::max(1.0, kAtOnce * per_second_);
  const double since = std::chrono::duration<double>(now - bucket.filled).count();
  bucket.tokens = bucket.filled == Clock::time_point{} ? most : std::min(most, bucket.tokens + since * per_second_);
  bucket.filled = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

}  // namespace trailwarden::http
