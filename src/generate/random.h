#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/hash.h"

namespace trailwarden::generate {

/// Repeatable randomness: the same seed gives the same draws with every compiler and library, which the distributions of
/// `<random>` do not promise. (`exponential`, `normal` and `poisson` use the C library's log, exp and cos.)
///
/// Source: SplitMix64 of Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. Cost: about 1 ns a
/// word. Not thread-safe.
/// Why not xoshiro256: a record begins a generator of its own, and four words of state cost more to fill than a record draws.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  /// A generator of its own for everything that has a name, so that one more draw here does not change what is drawn there.
  static Random named(std::uint64_t seed, std::string_view name);

  std::uint64_t next() {
    const std::uint64_t word = splitmix64(state_);
    state_ += kSplitmixStep;
    return word;
  }

  /// In [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  double uniform(double from, double to) { return from + (to - from) * uniform(); }

  /// In [0, bound); bound > 0 and far below 2^32, so that the bias is none that anybody could see.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>((next() >> 32) * bound >> 32); }

  /// In [from, to].
  std::int64_t between(std::int64_t from, std::int64_t to) {
    return from + static_cast<std::int64_t>(below(static_cast<std::size_t>(to - from + 1)));
  }

  bool chance(double probability) { return uniform() < probability; }

  double exponential(double mean);
  double normal();  // mean 0, standard deviation 1

  /// A count with this mean >= 0. Cost: proportional to the mean.
  std::size_t poisson(double mean);

  /// 1, 2, ... with this mean >= 1.
  std::size_t geometric(double mean);

  /// An index into `cumulative`, ascending sums of weights, by weight; not empty.
  std::size_t pick(std::span<const double> cumulative);

 private:
  std::uint64_t state_;
};

}  // namespace trailwarden::generate
