#pragma once

#include <cstdint>

namespace trailwarden::baseline {

/// How regularly an API is called, and how long it has not been: time since the last call L, running mean m of the gaps, decayed sum q of their squared
/// relative deviations, number n of them (at most 40). Of two clocks: one that runs with the expected calls, so that nights vanish, and the wall's.
struct GapClock {
  float length = 0, mean = 0, squares = 0;
  std::uint16_t gaps = 0;

  /// m with a margin of 5 % and `slack`.
  float reference(float slack) const { return (mean > 1e-6F ? mean : 1e-6F) * 1.05F + slack; }
  bool is_long(float slack) const { return length > 1.3F * reference(slack); }

  /// k = clip(n/q, 0.3, `most`) min(1, n/10): about 1 for calls at random, 40 for a clock.
  double regularity(double most = kMostRegular) const;
  static constexpr double kMostRegular = 40;

  /// The regularity that may be believed of an account-Region's: 40, or 400 of a timer, whose gaps vary by 6 % or less: its silence counts from 1.3 of them on.
  double most_believed() const { return regularity(kTimer) >= kTimer / 2 ? kTimer : kMostRegular; }
  static constexpr double kTimer = 400;

  /// k (g - 1 - ln g) for g = L / reference, with k the regularity; 0 below g = 1.3, n = 6, k = 1.5.
  double score(float slack, double most = kMostRegular) const;

  /// A call: the gap is learned, unless it is no longer than `run` (closer calls are one run).
  void end(float slack, float run);
};

}  // namespace trailwarden::baseline
