#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "rules/file_report.h"
#include "rules/predicate.h"
#include "rules/rule_reading.h"
#include "rules/yaml_tree.h"

namespace trailwarden::rules {

/// Beyond these a rule is refused: variants of one value (`windash` and `expand` multiply), tests in the whole rule.
inline constexpr std::size_t kMaxSigmaVariants = 1'000;
inline constexpr std::size_t kMaxSigmaTests = 100'000;

/// The expression of one item of a selection, `field|modifier|modifier: value`, spec/sigma.md sections 4 and 5. An empty field makes keywords: anywhere in the
/// event. Modifiers are applied from left to right. What is wrong is reported, with what to do, and gives nothing.
std::optional<Expression> parse_sigma_item(std::string_view key, YamlPlace place, const YamlNode& value, const RuleReading& settings, FileReport& report);

}  // namespace trailwarden::rules
