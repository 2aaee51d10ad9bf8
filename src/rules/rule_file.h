#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/file_report.h"
#include "rules/rule.h"
#include "rules/rule_reading.h"

namespace trailwarden::rules {

/// Reads one document of a rule file. What is wrong, and what is doubtful, goes to the report with its place; no rule then if something is wrong.
std::optional<Rule> read_rule(const YamlNode& document, FileReport& report, const RuleReading& reading = {});

/// Reads a rule file (docs/rules.md): the rules of its documents that are without an error. What is wrong, and what is doubtful, goes to the report with its place;
/// a file that is no YAML is one error and no rule. With `reading.names` also what no CloudTrail record has is doubtful (rule_words.h).
std::vector<Rule> read_rule_file(std::string_view text, FileReport& report, const RuleReading& reading = {});

}  // namespace trailwarden::rules
