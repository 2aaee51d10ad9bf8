#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "baseline/minute_pass.h"
#include "baseline/row_block.h"

namespace trailwarden::baseline {

/// What a series' own record says of its windows: e = max over the windows of 2 (sqrt(X) - sqrt(R)), R the largest X of that window until four hours ago; about
/// so many standard deviations of a Poisson count. Negative: it has done as much before.
class RecordEvidence {
 public:
  void add(double count, double record) { most_ = std::max(most_, 2 * (std::sqrt(count) - std::sqrt(record))); }

  /// Within kRecordFloor and kRecordCeiling. What breaks the record of a young series counts less: it has none yet.
  double value(double age_minutes) const {
    const double e = std::clamp(most_, kRecordFloor, kRecordCeiling);
    return e > 0 ? e * std::min(age_minutes / kRecordMinutes, 1.0) : e;
  }

 private:
  double most_ = kRecordFloor;
};

/// A: expected false alarms a week, of one series and direction, of a tail of `tail` a week and a record's evidence:
///   max(kCalibratedRate t^kCalibratedPower, t),  t = tail x 10^-(b + c),  b = kRecordWeight e upwards, kDownwardDecades e downwards.
/// Tails alone lie: by the time the smallest of many channels and thousands of series is 1e-6 a week, it happens far more often than that, for batches have
/// power tails. Scores that are no rarity, above some 0.1 a week, come as often as they say. How often was measured on labelled suites; it hardly depends on the suite or on the kind of series (docs/decisions/0012).
/// c: who called (`Callers::evidence`). Downwards e is 1, or 0 if calls pause no longer than they have before (`longest_gap`).
double calibrate(double tail, Direction direction, double record, double caller = 0);

/// The tail at which `calibrate` falls to `rate`.
double tail_for(double rate, Direction direction, double record);

/// The largest X of a window, until four hours ago or more, of the last 28 to 56 days, as it will be when minute `end` closes; `open`: the minute that closes next.
double record_of(const RowBlock& block, std::size_t row, std::size_t window, std::int64_t open, std::int64_t end);

/// The most minutes in a row without a call of the last 28 to 56 days, until yesterday; calls rows.
double longest_gap(const RowBlock& block, std::size_t row);

/// The fewest calls of 28 hours of the last 28 to 56 days, until yesterday; 0: not known; calls rows.
double fewest_of_28_hours(const RowBlock& block, std::size_t row);

/// Whether X is more than one standard deviation from M: nearer, its surprise is not worth asking for.
inline bool is_off(const Evidence& evidence) { return std::abs(evidence.count - evidence.mean) > std::sqrt(evidence.dispersion * evidence.mean); }

/// Whether a window of a row may be judged now: whole, and without what ended lately. `end`: its last minute.
bool is_clear(const RowBlock& block, std::size_t row, std::size_t window, std::int64_t end);

}  // namespace trailwarden::baseline
