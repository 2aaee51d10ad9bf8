#pragma once

#include <vector>

#include "rules/correlation.h"
#include "rules/correlation_match.h"
#include "rules/group_table.h"
#include "rules/match_window.h"

namespace trailwarden::rules {

/// The matches of one group that wait for something to follow them, and what could follow those yet to come.
struct WaitingMatches {
  std::vector<WindowEntry> waiting;          // of the first source, by time
  std::vector<WindowEntry> followers;        // of the second, by time
  Timestamp last_result = kBeginningOfTime;  // event time of the match that nothing followed

  std::size_t size() const { return waiting.size() + followers.size(); }
  std::size_t forget(const NamesWho& names);
  void save(ByteWriter& out) const;
  void load(ByteReader& in);
  std::size_t memory_bytes() const;
  bool operator==(const WaitingMatches&) const = default;
};

/// The state of a kAbsence correlation. See `CorrelationState`.
class Absence {
 public:
  explicit Absence(CorrelationLimits limits) : groups_(limits) {}

  void observe(const Correlation& correlation, const CorrelationMatch& match, Timestamp watermark, std::vector<CorrelationResult>& out);
  void advance(const Correlation& correlation, Timestamp watermark, std::vector<CorrelationResult>& out);

  std::size_t forget(const NamesWho& names) { return groups_.forget(names); }
  std::size_t groups() const { return groups_.size(); }
  std::size_t entries() const { return groups_.entries(); }
  CorrelationCounters counters() const;
  void save(ByteWriter& out) const;
  void load(ByteReader& in, std::size_t group_parts);
  std::size_t memory_bytes() const { return groups_.memory_bytes(); }
  bool operator==(const Absence&) const = default;

 private:
  GroupTable<WaitingMatches> groups_;
  CorrelationCounters counters_;
};

}  // namespace trailwarden::rules
