#pragma once

#include <ostream>
#include <string>

#include "app/conformance.h"
#include "core/result.h"

namespace trailwarden::app {

/// Runs event-pattern cases against this build: one JSON object a line, with `id`, `pattern` (text), `event` (text or null) and `expect`: match, nomatch, valid_pattern,
/// invalid_pattern or invalid_event (docs/rules.md). Each case goes through the naive evaluator and through the compiled matcher; each that disagrees is a line on
/// `out`: its id, what was expected, what came. An unreadable file or line is an error with its number.
Result<ConformanceCount> run_event_pattern_cases(const std::string& file, std::ostream& out);

}  // namespace trailwarden::app
