#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "app/suite_cell.h"
#include "core/result.h"

namespace trailwarden::app {

struct EvaluateArguments {
  std::string suite;       // folder
  double budget = 1;       // false alarms that an account may cost a week: the knob
  std::string alarms;      // file: what production says at `budget`
  std::string sweep;       // file: what it says at any of `sweep_rates`; empty: not wanted
  std::size_t threads = 1;
};

struct EvaluateCount {
  std::size_t cells = 0;
  std::uint64_t records = 0, calls = 0;
  std::size_t alarms = 0, sweep_alarms = 0;
};

/// Settings of a sweep, in false alarms a week of one series: from 0.8 down to 1e-6, each 0.4 of the one before. So far, because the far tail is asked for
/// less than it gives: one false alarm a week and account may take a setting a hundred times as strict.
///
/// Production has one threshold, that of its budget, and says an incident once, when it crosses that. So one run cannot tell what another budget would have said,
/// or when; a sweep is a run of each, and the lines of all in one file: at a score, those of the setting that it names and of all stricter ones. Between two
/// settings it reads low, for what an open minute decides scores no more than its threshold: on dev1 0.33 of the strong labels at one false alarm a week and
/// account, where a run at just the right budget, 0.034, finds 0.36.
std::vector<double> sweep_rates();

/// Holds this build's Insights against a suite: plays it through the production classes (`judge_cell`) and writes alarms in the form of `shared/eval/README.md`,
/// sorted, whatever `threads` is. An error names the file.
Result<EvaluateCount> evaluate(const EvaluateArguments& arguments);

}  // namespace trailwarden::app
