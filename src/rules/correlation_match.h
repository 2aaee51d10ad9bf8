#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"

namespace trailwarden::rules {

/// A record that one of a correlation's sources has matched.
struct CorrelationMatch {
  std::uint32_t source = 0;  // its place in `Correlation::sources`
  Timestamp time{};          // of the event
  std::string event_id;
  std::vector<std::string> group;   // one text for each part
  std::vector<std::string> values;  // one text for each value path of the source; empty if the record lacks one of them
};

/// What a correlation has found.
struct CorrelationResult {
  /// A UUID of the correlation, the group, and the first match of the window (of kFirstSeen the value and its match; of kAbsence the match that nothing
  /// followed). The same input in the same order gives the same ids; a window that a late match completes has the id it would have had in order, unless the
  /// late one is its first.
  std::string id;
  Timestamp time{};      // event time of the match that completed it; of kAbsence when the time ran out
  std::string event_id;  // of that match; of kAbsence of the one that nothing followed
  std::vector<std::string> group;
  double value = 0;                    // what the thresholds were asked of; of kFirstSeen and kAbsence 1
  std::vector<std::string> event_ids;  // of the window, oldest first, at most kMaxResultEvents; the one that completed it is always there
  std::vector<std::string> values;     // of kFirstSeen what is new; else those of the completing match
  bool operator==(const CorrelationResult&) const = default;
};

inline constexpr std::size_t kMaxResultEvents = 25;
/// Longer group texts and values are kept as their beginning and a hash.
inline constexpr std::size_t kMaxKeptText = 256;

/// Says whether a text names somebody who is to be forgotten.
using NamesWho = std::function<bool(std::string_view)>;
inline bool any_names(const NamesWho& names, const std::vector<std::string>& texts) { return std::any_of(texts.begin(), texts.end(), names); }

/// What is counted, for metrics.
struct CorrelationCounters {
  std::uint64_t late = 0;             // matches older than the watermark: judged over what was still kept; by kAbsence left out
  std::uint64_t evicted_groups = 0;   // for want of room
  std::uint64_t dropped_entries = 0;  // for want of room in their group
  std::uint64_t cut_searches = 0;     // for sequences with joins
  bool operator==(const CorrelationCounters&) const = default;
};

}  // namespace trailwarden::rules
