#pragma once

#include <vector>

#include "rules/rule.h"
#include "rules/sigma_pack.h"

namespace trailwarden::rules {

/// The Sigma rules and correlations of a pack that report, as rules of the engine, in the order of the pack.
///
/// The id is Sigma's, else its name or title as one word. Every outcome of a call counts, unless the rule says otherwise. What has no `level` is medium; what is deprecated is
/// off until it is enabled. A correlation has the rules that it is over as steps, and correlations that it is over in its own chain: so each is whole by itself, and keeps its
/// state as long as nothing that it rests on changes.
std::vector<Rule> rules_of(const SigmaPack& pack);

}  // namespace trailwarden::rules
