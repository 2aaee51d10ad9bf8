#pragma once

#include <variant>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"
#include "core/time.h"
#include "rules/absence.h"
#include "rules/correlation.h"
#include "rules/correlation_match.h"
#include "rules/first_seen.h"
#include "rules/windowed_correlation.h"

namespace trailwarden::rules {

/// One correlation and what it has seen, in event time. It never looks at a clock: the same calls give the same results, bit for bit.
///
/// Matches come in any order. The watermark says before which time none comes any more, unless late. A result comes at once with the match that completes it;
/// results of kAbsence come when the watermark passes the end of their time.
///
/// In the order of event time the results are those of spec/sigma.md section 7: at each match the window (t - timespan, t] is judged, and after a result its
/// group is silent for a timespan. (Matches of one second are in order whichever comes first.)
///
/// Out of order, a match is put in its place and every window that holds it is judged again. Let H be the seconds at which a group's windows hold over all its
/// matches, none of them later than the watermark. For correlations that are monotone (`is_monotone`) then, in whatever order the matches came:
///   1. each result is at a second of H: nothing is said that the complete record would not show;
///   2. results of a group are at least a timespan apart: nothing is said twice;
///   3. each second of H is less than a timespan from a result: nothing is missed;
///   4. so the groups with a result are the same ones, a group whose H is shorter than a timespan has exactly one, and none has more than it has in order.
/// That the seconds themselves are those of ordered input cannot be had together with results at once: of 3 matches in 60 s at 0, 10, 20 and 30, the order 0,
/// 10, 30 says "30" before it can know of 20. Its id is that of ordered input all the same, as both windows begin with the match at 0. Conditions that more
/// matches can break (lt, lte, eq, neq, `not`; averages, sums, percentiles) are judged on what is there when a match comes. kAbsence gives exactly the results
/// of ordered input. kFirstSeen gives each new value of a group once; which groups and values those are differs from ordered input only where a late match is
/// the first of its group, or falls before the end of its learning.
///
/// A match older than the watermark is judged over what is still there, and kept for a timespan from the watermark; kAbsence leaves it out. Both are counted.
///
/// Bounded by `CorrelationLimits`; what is evicted or dropped is counted. Cost of a match: O(log groups + entries in its window). Not thread-safe.
class CorrelationState {
 public:
  /// What `check` says.
  static Result<CorrelationState> create(Correlation correlation);

  const Correlation& correlation() const { return correlation_; }

  /// Appends to `out` the results that the match completes. `match.group` has a text for each part.
  void observe(const CorrelationMatch& match, std::vector<CorrelationResult>& out);
  /// Moves the watermark, never back.
  void advance(Timestamp watermark, std::vector<CorrelationResult>& out);

  /// Forgets the groups that are somebody's and the matches whose values name them; how many of either. What was counted with them counts no more.
  std::size_t forget(const NamesWho& names);

  std::size_t groups() const;
  std::size_t entries() const;
  CorrelationCounters counters() const;

  void save(ByteWriter& out) const;
  /// Takes the place of this state. The state must be that of an equal correlation; kMalformed if it does not fit.
  Result<void> load(ByteReader& in);
  std::size_t memory_bytes() const;
  bool operator==(const CorrelationState&) const = default;

 private:
  using State = std::variant<WindowedCorrelation, FirstSeen, Absence>;
  CorrelationState(Correlation correlation, State state) : correlation_(std::move(correlation)), state_(std::move(state)) {}
  static State empty_state(const Correlation& correlation);

  Correlation correlation_;
  Timestamp watermark_ = kBeginningOfTime;
  State state_;
};

}  // namespace trailwarden::rules
