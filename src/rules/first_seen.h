#pragma once

#include <map>
#include <string>
#include <vector>

#include "rules/correlation.h"
#include "rules/correlation_match.h"
#include "rules/group_table.h"

namespace trailwarden::rules {

/// The values that one group has had, and when last.
class SeenValues {
 public:
  using Value = std::vector<std::string>;

  /// When the group's first match was. Later calls can only move it back.
  void begin(Timestamp time);
  Timestamp begun() const { return begun_; }
  /// Notes a value; whether it is new: it was not seen within `memory` before `time`, nor after it.
  bool add(const Value& value, Timestamp time, std::chrono::seconds memory);
  /// Drops the values that were not seen for longest until `most` are left.
  void shrink(std::size_t most);

  std::size_t forget(const NamesWho& names);

  std::size_t size() const { return last_seen_.size(); }
  void save(ByteWriter& out) const;
  void load(ByteReader& in);
  std::size_t memory_bytes() const;
  bool operator==(const SeenValues&) const = default;

 private:
  Timestamp begun_ = kEndOfTime;
  std::map<Value, Timestamp> last_seen_;
};

/// The state of a kFirstSeen correlation. See `CorrelationState`.
class FirstSeen {
 public:
  explicit FirstSeen(CorrelationLimits limits) : groups_(limits) {}

  void observe(const Correlation& correlation, const CorrelationMatch& match, Timestamp watermark, std::vector<CorrelationResult>& out);
  void advance(const Correlation& correlation, Timestamp watermark, std::vector<CorrelationResult>& out);

  std::size_t forget(const NamesWho& names) { return groups_.forget(names); }
  std::size_t groups() const { return groups_.size(); }
  std::size_t entries() const { return groups_.entries(); }
  CorrelationCounters counters() const;
  void save(ByteWriter& out) const;
  void load(ByteReader& in, std::size_t group_parts);
  std::size_t memory_bytes() const { return groups_.memory_bytes(); }
  bool operator==(const FirstSeen&) const = default;

 private:
  GroupTable<SeenValues> groups_;
  CorrelationCounters counters_;
};

}  // namespace trailwarden::rules
