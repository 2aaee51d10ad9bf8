#pragma once

#include <map>
#include <string>
#include <vector>

#include "rules/api_names.h"

namespace trailwarden::rules {

/// What rule files are read with, beside themselves.
struct RuleReading {
  /// Values of `%name%` under Sigma's modifier `expand`; wildcards in them are live.
  std::map<std::string, std::vector<std::string>, std::less<>> placeholders{};
  /// To warn of what no CloudTrail record has (rule_words.h); null: nothing is said of it. Outlives the reading.
  const ApiNames* names = nullptr;
};

}  // namespace trailwarden::rules
