#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "event/decoder.h"
#include "event/finding.h"
#include "ingest/unwrap.h"

namespace trailwarden::pipeline {

/// What one detector did.
struct DetectorTotals {
  std::uint64_t evaluations = 0;  // records it looked at
  std::array<std::uint64_t, event::kSeverities> findings{};  // let through, by severity
  std::uint64_t summaries = 0;    // closing summaries of folded repeats
  std::uint64_t folded = 0;       // repeats inside quiet_for
  bool operator==(const DetectorTotals&) const = default;
};

/// Insights of one type.
struct InsightTotals {
  std::uint64_t starts = 0, ends = 0;
  bool operator==(const InsightTotals&) const = default;
};
inline constexpr std::size_t kInsightTypes = 2;  // by event::InsightType

/// What became of every record. Always read == judged + duplicate + refused + skipped.
struct Totals {
  std::uint64_t messages = 0, message_bytes = 0, source_bytes = 0;
  std::uint64_t read = 0, judged = 0, duplicate = 0;
  std::array<std::uint64_t, event::kRefusals> refused{};
  std::array<std::uint64_t, ingest::kSkips> skipped{};
  std::uint64_t outside_time_range = 0;  // skipped because of --since or --until
  std::uint64_t late = 0, late_over_two_hours = 0;  // among the judged; the second among the first
  std::uint64_t clamped = 0;             // eventTime too far ahead of the log's clock
  std::uint64_t duplicate_keys = 0;
  std::uint64_t settled_early = 0;       // left the settle buffer before their minute closed, for want of room
  std::uint64_t cells = 0, state_bytes = 0;
  std::map<std::string_view, DetectorTotals> detectors;
  std::array<InsightTotals, kInsightTypes> insights{};
  std::uint64_t baseline_rows = 0, baseline_bytes = 0, open_incidents = 0;  // at the end; the bytes are among state_bytes

  std::uint64_t refused_in_all() const;
  std::uint64_t skipped_in_all() const;
  void add(const Totals& other);
  bool operator==(const Totals&) const = default;
};

}  // namespace trailwarden::pipeline
