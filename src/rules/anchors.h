#pragma once

#include "rules/rule_program.h"

namespace trailwarden::rules {

/// Chooses for each rule what it waits for: tests or slots of which one must hold or have a value whenever the rule holds, and which do so for few records. A rule
/// without such (one that holds for a record that lacks something, say) is always evaluated. Fills `rules_of_test`, `rules_of_slot`, `always` and `is_asked_first`.
void choose_anchors(RuleProgram& program);

}  // namespace trailwarden::rules
