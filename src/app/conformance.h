#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "core/result.h"

namespace trailwarden::app {

struct ConformanceCount {
  std::size_t passed = 0, failed = 0, skipped = 0;
};

/// Runs the cases of a file in the form of `tests/data/baseline-cases.jsonl` (docs/baseline.md, "Conformance vectors") against this build: one JSON object a
/// line, with `id`, `kind`, inputs and expected values. Each failed case is a line on `out`: its id, what was expected, what came. `kinds`: which ones; empty:
/// all. Kinds that this version does not have are skipped and counted. An unreadable file or line is an error with its number.
Result<ConformanceCount> run_baseline_cases(const std::string& file, const std::vector<std::string>& kinds, std::ostream& out);

}  // namespace trailwarden::app
