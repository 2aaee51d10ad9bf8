#pragma once

#include <vector>

#include "rules/correlation.h"
#include "rules/correlation_match.h"
#include "rules/group_table.h"
#include "rules/match_window.h"

namespace trailwarden::rules {

/// The state of a correlation over windows: any type but kFirstSeen and kAbsence. See `CorrelationState`.
class WindowedCorrelation {
 public:
  explicit WindowedCorrelation(CorrelationLimits limits) : groups_(limits) {}

  void observe(const Correlation& correlation, const CorrelationMatch& match, Timestamp watermark, std::vector<CorrelationResult>& out);
  void advance(const Correlation& correlation, Timestamp watermark, std::vector<CorrelationResult>& out);

  std::size_t forget(const NamesWho& names) { return groups_.forget(names); }
  std::size_t groups() const { return groups_.size(); }
  std::size_t entries() const { return groups_.entries(); }
  CorrelationCounters counters() const;
  void save(ByteWriter& out) const;
  void load(ByteReader& in, std::size_t group_parts);
  std::size_t memory_bytes() const { return groups_.memory_bytes(); }
  bool operator==(const WindowedCorrelation&) const = default;

 private:
  void judge(const Correlation& correlation, const CorrelationMatch& match, const WindowEntry& entry, Timestamp watermark, MatchWindow& window, std::vector<CorrelationResult>& out);

  GroupTable<MatchWindow> groups_;
  CorrelationCounters counters_;
};

}  // namespace trailwarden::rules
