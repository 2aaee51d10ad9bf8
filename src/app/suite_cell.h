#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/activity_suite.h"

namespace trailwarden::app {

/// An Insight as `shared/eval/README.md` has it: a line of an alarms file. Times are seconds since the suite's start.
struct SuiteAlarm {
  std::uint32_t series = 0;
  std::string_view metric;             // "calls", "errors" or "silence"; a literal
  std::int64_t start_s = 0;            // when it was raised: the call that crossed, or the close of the minute
  std::optional<std::int64_t> end_s;   // when it was declared over; none: it was still on at the end
  double score = 0;                    // the highest; see `judge_cell`
  std::vector<std::pair<std::int64_t, double>> rises = {};  // when it first reached each higher score, in order of time
  bool is_upward = true;
  std::string_view channel;            // what decided: the text of `event::Insight::decided_by`

  /// As JSON, with the end of the line.
  std::string line() const;
  bool operator==(const SuiteAlarm&) const = default;
};

/// One (account, Region) of a suite: what one production cell sees.
struct SuiteCell {
  std::string account, region;
  std::size_t apis = 0;                // of this Region
  std::size_t apis_of_account = 0;     // of all of its account
  std::vector<std::uint32_t> records;  // numbers in `ActivitySuite::records`, in order of time
};
std::vector<SuiteCell> cells_of(const ActivitySuite& suite);

/// How touchy a cell is set: false alarms a week of one series (the calls, or the errors, of one API), as the knob of an account is its rate times 2 x APIs.
double rate_of(double false_insights_per_week, std::size_t apis);

/// Everything that the cell says set to `rate`, in order of being raised. Calls enter at `detectors::Insights::observe`, as those of decoded records do
/// (`pipeline::Cell::judge`), in order of event time, with the watermark the default lateness behind; every other setting has its default.
///
/// An alarm that is expected A times a week and was held against the threshold alpha scores -log10(rate x A / alpha): the setting, in the same unit, at which it
/// would just have been said.
///
/// Each call is a write event of its principal with its error code: what a suite counts is under test, whatever its APIs' names say.
std::vector<SuiteAlarm> judge_cell(const ActivitySuite& suite, const SuiteCell& cell, double rate);

}  // namespace trailwarden::app
