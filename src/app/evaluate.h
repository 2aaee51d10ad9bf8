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
  std::string alarms;      // file: what production says at `budget`, and how unusual each of it became
  std::size_t threads = 1;
};

struct EvaluateCount {
  std::size_t cells = 0;
  std::uint64_t records = 0, calls = 0;
  std::size_t alarms = 0;
};

/// Holds this build's Insights against a suite: plays it through the production classes (`judge_cell`) and writes alarms in the form of `shared/eval/README.md`,
/// sorted, whatever `threads` is. An error names the file.
Result<EvaluateCount> evaluate(const EvaluateArguments& arguments);

}  // namespace trailwarden::app
