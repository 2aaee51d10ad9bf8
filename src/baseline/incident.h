#pragma once

#include <cstdint>
#include <span>

#include "baseline/minute_pass.h"
#include "core/bytes.h"
#include "core/result.h"

namespace trailwarden::baseline {

/// Some minutes of one series: where they begin, how many, calls and expected calls in all of them.
struct Span {
  std::int64_t minute = 0;
  int minutes = 1;
  double count = 0, mean = 0;
};

/// Where an incident began.
struct Onset {
  std::int64_t minute = 0;
  double count = 0;  // calls from there to the decision
  double rate(std::int64_t decided) const { return count / static_cast<double>(decided - minute + 1); }
};

/// Of the window that decided (spans newest first, without holes) the start s that maximises sum over j >= s of (x_j - mu_j - h), h a quarter of the
/// window's mean excess; the latest on ties; signs reversed downwards. At least one span.
Onset find_onset(std::span<const Span> newest_first, Direction direction);

/// How far an incident reached: the minute at which the sum of x - mu - (a_0 - mu)/4 from its onset on is first largest, a_0 its rate when it was
/// decided. So an End names the minute at which the activity ended, not the later one at which that was certain. O(1) memory.
class Extent {
 public:
  Extent() = default;
  /// `rate`: a_0, calls a minute from the onset to the decision.
  Extent(std::int64_t onset, double rate, Direction direction) : onset_(onset), end_(onset + 1), rate_(rate), sign_(direction == Direction::kUp ? 1 : -1) {}

  /// Closed minutes, in order from the onset on.
  void add(const Span& span);
  /// A call of a minute that was closed before.
  void add_late(std::int64_t minute);

  /// How far it has come; what it was made with is the incident's to keep.
  void save(ByteWriter& out) const;
  /// Into an instance that was made with the same onset, rate and direction.
  Result<void> load(ByteReader& in);

  std::int64_t onset() const { return onset_; }
  std::int64_t end() const { return end_; }  // the minute behind the last one
  double count() const { return best_count_; }  // calls in [onset, end)
  std::int64_t minutes() const { return end_ - onset_; }

 private:
  std::int64_t onset_ = 0, end_ = 1;
  double rate_ = 0, sign_ = 1;
  double sum_ = 0, best_ = 0, count_ = 0, best_count_ = 0;
  bool any_ = false;
};

/// Minutes of the reported baseline of an incident that begins at `start`: seven days before its day, and its day so far.
std::int64_t baseline_minutes(std::int64_t start);

}  // namespace trailwarden::baseline
