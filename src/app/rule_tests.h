#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "event/finding.h"
#include "rules/rule.h"

namespace trailwarden::app {

/// What became of one test of one rule.
struct RuleTestOutcome {
  std::string rule, test, file;
  rules::YamlPlace place;
  std::string failure;  // empty: passed
  double seconds = 0;
};

/// Findings of one rule, and of it alone, on records in this order; time then goes on until all windows are over. Records are decoded as in a replay: an error says which one is refused.
Result<std::vector<event::Finding>> findings_of(const rules::Rule& rule, const std::vector<std::string>& records);

/// Runs the tests that stand in the rules' files, also of rules that are not enabled.
std::vector<RuleTestOutcome> run_rule_tests(const std::vector<rules::Rule>& rules);

/// As JUnit XML, for continuous integration.
std::string junit_xml(const std::vector<RuleTestOutcome>& outcomes);

}  // namespace trailwarden::app
