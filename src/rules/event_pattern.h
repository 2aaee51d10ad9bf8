#pragma once

#include <cstddef>
#include <string_view>

#include "core/result.h"
#include "rules/predicate.h"

namespace trailwarden::rules {

struct PatternOptions {
  /// Refuse a pattern in which one combination names a path twice; else the later value list replaces the earlier one, as Event Ruler does it.
  bool strict = false;
  std::size_t max_bytes = std::size_t{1} << 20;
  std::size_t max_combinations = 1'000;  // that `$or` multiplies to
  std::size_t max_paths = 256;           // of one combination
  std::size_t max_tests = 200'000;       // alternatives of all combinations together
};

/// Reads an EventBridge event pattern: the language of Event Ruler 2.0, with its operators `exactly`, `prefix`, `suffix`, `equals-ignore-case`, `wildcard`,
/// `anything-but`, `numeric`, `cidr`, `exists` and `$or`, and with its second reading: what is invalid with `$or` as an operator may be valid with `$or` as the name
/// of a field. Source: spec/event-patterns.md, which the section numbers in the implementation are of.
///
/// kMalformed or kTooLarge: `LINE:COLUMN: what is wrong, and what to do`, counted inside the pattern's text.
Result<Predicate> parse_event_pattern(std::string_view json_text, PatternOptions options = {});

}  // namespace trailwarden::rules
