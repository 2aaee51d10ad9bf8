#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "rules/event_pattern.h"
#include "rules/json_value.h"
#include "rules/predicate.h"

namespace trailwarden::rules {

/// One part of the AND that an event pattern is: a value list at a path, or the branches of a `$or`.
struct PatternClause {
  std::size_t offset = 0;  // of the field's name in the pattern's text
  PatternField field;      // where there are no branches
  std::vector<std::vector<PatternClause>> branches;
};

/// Multiplies the branches out (spec/event-patterns.md section 10): each combination is a plain AND in which a path is named once, and the value list written
/// last counts. The expression follows the pattern's own form where no path is named twice, so that it does not grow with the product.
Result<Predicate> combine(const std::vector<PatternClause>& clauses, std::string_view pattern_text, const PatternOptions& options);

/// An error at a place of the pattern's text.
tl::unexpected<Error> malformed_at(std::string_view pattern_text, const JsonFault& fault);

}  // namespace trailwarden::rules
