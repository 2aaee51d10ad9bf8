#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/diagnostics.h"
#include "rules/rule.h"
#include "rules/rule_reading.h"

namespace trailwarden::rules {

inline constexpr std::size_t kMaxRules = 100'000;

/// Rules that were read, and what is to be said of their files.
struct LoadedRules {
  std::vector<Rule> rules;  // by file and place, Sigma's behind the others
  Diagnostics errors, warnings;
  std::size_t files = 0;
  struct Sigma {  // documents
    std::size_t rules = 0, correlations = 0, filters = 0;  // that were loaded, whether they report or only others use them
    std::size_t skipped = 0, refused = 0;                  // for other log sources, with the reason among the warnings; with errors
  } sigma;
};

/// Reads every *.yaml and *.yml file of `folders` and below (or a file by itself), in the order of their names. Documents are of our own language or Sigma's, which are told
/// apart by their members; those of Sigma's refer to each other across all the files. Of two rules with one id the second is left out, and an error. What cannot be compiled is
/// left out, and an error. A file or folder that cannot be read is an error, and so is an empty file. `reading.names`: as in `read_rule_file`, of Sigma's too.
LoadedRules load_rules(const std::vector<std::string>& folders, const RuleReading& reading = {});

/// Of rules with one id all but the first are left out, each with an error.
void leave_out_repeated(std::vector<Rule>& rules, Diagnostics& errors);

}  // namespace trailwarden::rules
