#pragma once

#include <vector>

#include "core/diagnostics.h"
#include "rules/rule.h"

namespace trailwarden::rules {

/// Takes out the rules that cannot be compiled (a wildcard that is too long, a sequence that makes no sense), whether they are enabled or not, and says why at the place of each.
/// What compiles alone may still be too much together: that is for `RuleBook::compile` to say. Costs one compilation, and where that fails one more of each rule.
void take_out_unsound(std::vector<Rule>& rules, Diagnostics& errors);

}  // namespace trailwarden::rules
