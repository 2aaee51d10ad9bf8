#pragma once

#include <cstdint>

#include "baseline/portable_math.h"
#include "core/hash.h"

namespace trailwarden::testing {

/// Random numbers by counter: of the same seed the same ones in every build and on every machine.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : seed_(splitmix64(seed)) {}

  /// In [0, 1).
  double uniform() { return static_cast<double>(splitmix64(seed_ ^ ++count_) >> 11) / 0x1p53; }
  int poisson(double rate) {
    double u = uniform();
    int k = 0;
    for (double p = baseline::portable_exp(-rate); u > p && k < 200; p *= rate / ++k) u -= p;
    return k;
  }
  /// 1 or more.
  int geometric(double mean) { return 1 + static_cast<int>(baseline::portable_log(1 - uniform()) / baseline::portable_log(1 - 1 / mean)); }

 private:
  std::uint64_t seed_, count_ = 0;
};

}  // namespace trailwarden::testing
