#pragma once

#include <cstdint>
#include <optional>

namespace trailwarden::baseline {

/// What a channel's past peaks say of its tail.
struct PeakHistory {
  double peaks = 0;   // n: decayed number of episodes above the peak level
  double excess = 0;  // E: decayed sum of their excesses [nat]
  double weeks = 0;   // T: decayed time watched
};

/// Expected false alarms per week of a score of at least `score` nats, on one channel with peak level `level`:
///   (n + 0.5) / (T + 0.25) (1 + y / (3 + E'))^-(4 + n'),  y = max(score - level, 0), n' = min(n, 6), E' = E n'/n,
/// the Lomax predictive of peaks over threshold with a Gamma prior. Source: Siffer et al., KDD 2017, made Bayesian.
double false_alarms_per_week(double score, double level, const PeakHistory& history);

/// The score at which `false_alarms_per_week` falls to `rate`; not below `level`.
double score_for(double rate, double level, const PeakHistory& history);

/// The largest excess over its level that one peak may add, so that a peak never weighs more than an alarm at `kGateLevel` did.
double peak_cap(const PeakHistory& history);

/// The smallest n >= 1 that alarms, where all larger ones do, too: doubled until one does, then halved in between, so 2 log2(n) looks.
/// nullopt where the first power of two that is not below `limit` does not.
template <class Alarms>
std::optional<std::uint32_t> fewest_that_alarm(const Alarms& alarms, std::uint32_t limit) {
  std::uint32_t above = 1;
  while (!alarms(above)) {
    if (above >= limit) return std::nullopt;
    above *= 2;
  }
  std::uint32_t below = above / 2;
  while (above - below > 1) {
    const std::uint32_t middle = below + (above - below) / 2;
    (alarms(middle) ? above : below) = middle;
  }
  return above;
}

/// The count in one scan window at which it alarms upwards: the smallest c in 1..limit such that X = counted + c has X >= 2, X > M + 2 sd,
/// a surprise above the peak level, and kChannelsPerDirection x false_alarms_per_week <= alpha. nullopt where there is none.
struct WindowLevel {
  double mean = 0;  // M
  double phi = 1;   // with the uncertainty of the mean
};
std::optional<std::uint32_t> critical_count(std::uint64_t counted, const WindowLevel& window, const PeakHistory& history, double alpha,
                                            std::uint32_t limit = 1U << 24);

}  // namespace trailwarden::baseline
