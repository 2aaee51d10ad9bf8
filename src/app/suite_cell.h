#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/activity_suite.h"

namespace trailwarden::app {

/// An Insight as `shared/eval/README.md` has it: a line of an alarms file. Times are seconds since the suite's start.
struct SuiteAlarm {
  std::uint32_t series = 0;
  std::string_view metric;             // "calls", "errors" or "silence"; a literal
  std::int64_t start_s = 0;            // when it was raised: the call that crossed, or the close of the minute
  std::optional<std::int64_t> end_s;   // when it was declared over; none: it was still on at the end
  double score = 0;                    // see `SuiteLevel`
  bool is_upward = true;
  std::string_view channel;            // what decided, `event::Insight::decided_by`; a literal

  /// As JSON, with the end of the line.
  std::string line() const;
  bool operator==(const SuiteAlarm&) const = default;
};

/// One (account, Region) of a suite: what one production cell sees.
struct SuiteCell {
  std::string account, region;
  std::size_t apis_of_account = 0;     // in all its Regions
  std::size_t regions_of_account = 0;
  std::vector<std::uint32_t> records;  // numbers in `ActivitySuite::records`, in order of time
};
std::vector<SuiteCell> cells_of(const ActivitySuite& suite);

/// How touchy a cell is set, in false alarms a week of one series (the calls, or the errors, of one API). As the knob of an account that is `rate` times its
/// 2 x APIs: `false_insights_per_week`, every Region in `active_regions`.
///
/// An alarm that is expected A times a week and was held against the threshold alpha scores -log10(rate x A / alpha): the setting, in the same unit, at which it
/// would just have been said. `least` bounds what is read into A: a run of a stricter setting than that says itself what it would have said, and when.
struct SuiteLevel {
  double rate = 0.002;
  double least = 0;
  static double rate_of(double false_insights_per_week, std::size_t apis) { return false_insights_per_week / (2 * static_cast<double>(apis)); }
};

/// Everything that the cell says at that setting, in order of being raised. Calls enter at `detectors::Insights::observe`, as those of decoded records do
/// (`pipeline::Cell::judge`), in order of event time, with the watermark the default lateness behind; every other setting has its default.
///
/// Each call is a write event of its principal with its error code: what a suite counts is under test, whatever its APIs' names say.
std::vector<SuiteAlarm> judge_cell(const ActivitySuite& suite, const SuiteCell& cell, const SuiteLevel& level);

}  // namespace trailwarden::app
