#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "detectors/detector.h"
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

/// `insights.false_insights_per_week`, asked and got, of all cells together. Rates and sums in billionths of an Insight: whole numbers, so that no order of adding shows.
struct KnobTotals {
  static constexpr double kUnit = 1e9;
  std::uint64_t of_account = 0;           // asked for, a week of one account
  std::uint64_t of_cells = 0;             // what that is for these cells, each by its Region's part, a week
  std::uint64_t silences = 0;             // of it, for silences of whole accounts
  std::array<std::uint64_t, 2> directions{};  // that can alarm now, up and down: a count
  std::array<std::uint64_t, 2> allowed{};     // false ones a week by their thresholds
  std::uint64_t least_alpha = 0, most_alpha = 0;  // thresholds, a week of one series and direction; 0: none
  std::uint64_t expected_false = 0;       // what the thresholds have allowed since the start
  std::uint64_t judged_hours = 0;         // hours of event time of the cell that was judged for longest: a count

  void add(const KnobTotals& other);
  double weeks() const { return static_cast<double>(judged_hours) / 168; }
  bool operator==(const KnobTotals&) const = default;
};

using BySeverity = std::array<std::uint64_t, event::kSeverities>;

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
  std::map<std::string_view, BySeverity> rules;   // findings let through, by the rule's id
  std::map<std::string_view, BySeverity> hidden;  // findings, by the name of the suppression
  std::map<std::string_view, detectors::CorrelationUse> correlations;  // at the end, by the rule's id
  std::array<InsightTotals, kInsightTypes> insights{};
  std::uint64_t baseline_rows = 0, baseline_bytes = 0, open_incidents = 0;  // at the end; the bytes are among state_bytes
  std::uint64_t baseline_overflowed = 0;  // calls that an overflow row counted, for want of room for a row of their own
  std::uint64_t baseline_evicted = 0;     // rows forgotten to make room
  KnobTotals knob;  // at the end

  std::uint64_t refused_in_all() const;
  std::uint64_t skipped_in_all() const;
  std::uint64_t starts() const;  // of Insights
  void add(const Totals& other);
  bool operator==(const Totals&) const = default;
};

}  // namespace trailwarden::pipeline
