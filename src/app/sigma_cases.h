#pragma once

#include <ostream>
#include <string>

#include "app/conformance.h"
#include "core/result.h"

namespace trailwarden::app {

/// Runs the cases of a file in the form of `tests/data/sigma-cases.jsonl` (spec/sigma.md section 9): one JSON object a line, of `kind` detection or
/// correlation. Each disagreement is a line on `out`. An unreadable file or line is an error with its number.
Result<ConformanceCount> run_sigma_cases(const std::string& file, std::ostream& out);

}  // namespace trailwarden::app
