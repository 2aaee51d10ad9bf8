#pragma once

#include <string>
#include <vector>

#include "core/diagnostics.h"
#include "rules/api_names.h"
#include "rules/rule.h"

namespace trailwarden::rules {

inline constexpr std::size_t kMaxRules = 100'000;

/// Rules that were read, and what is to be said of their files.
struct LoadedRules {
  std::vector<Rule> rules;  // by file and place
  Diagnostics errors, warnings;
  std::size_t files = 0;
};

/// Reads every *.yaml and *.yml file of `folders` and below (or a file by itself), in the order of their names. Of two rules with one id the second is left out, and an error.
/// What cannot be compiled is left out, and an error. A file or folder that cannot be read is an error. `names`: as in `read_rule_file`.
LoadedRules load_rules(const std::vector<std::string>& folders, const ApiNames* names = nullptr);

}  // namespace trailwarden::rules
