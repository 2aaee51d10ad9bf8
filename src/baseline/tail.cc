#include "baseline/tail.h"

#include <algorithm>
#include <cmath>

#include "baseline/constants.h"
#include "baseline/negative_binomial.h"
#include "baseline/portable_math.h"

namespace trailwarden::baseline {
namespace {

double prior_rate(const PeakHistory& history) { return (history.peaks + kPriorPeaks) / (history.weeks + kPriorWeeks); }

}  // namespace

double false_alarms_per_week(double score, double level, const PeakHistory& history) {
  const double peaks = std::min(history.peaks, kMaxTailPeaks);
  const double excess = history.excess * peaks / std::max(history.peaks, 1e-9);
  const double base = 1 + std::max(score - level, 0.0) / (kTailScale + excess);
  return prior_rate(history) * portable_pow(base, -(kTailShape + peaks));
}

double score_for(double rate, double level, const PeakHistory& history) {
  const double peaks = std::min(history.peaks, kMaxTailPeaks);
  const double excess = history.excess * peaks / std::max(history.peaks, 1e-9);
  const double base = portable_pow(prior_rate(history) / std::max(rate, 1e-300), 1 / (kTailShape + peaks));
  return level + (kTailScale + excess) * std::max(base - 1, 0.0);
}

double peak_cap(const PeakHistory& history) {
  const double ratio = std::max(prior_rate(history) / kGateLevel, 1.01);
  return (kTailScale + history.excess) * portable_expm1(portable_log(ratio) / (kTailShape + history.peaks));
}

std::optional<std::uint32_t> critical_count(std::uint64_t counted, const WindowLevel& window, const PeakHistory& history, double alpha,
                                            std::uint32_t limit) {
  const double floor = window.mean + static_cast<double>(kScreenUp) * std::sqrt(window.phi * window.mean);
  const auto alarms = [&](std::uint32_t more) {
    const auto count = static_cast<double>(counted + more);
    if (count < 2 || count <= floor) return false;
    const double score = surprise(count, window.mean, window.phi);
    return score > kWindowPeakLevel && kChannelsPerDirection * false_alarms_per_week(score, kWindowPeakLevel, history) <= alpha;
  };
  return fewest_that_alarm(alarms, limit);
}

}  // namespace trailwarden::baseline
