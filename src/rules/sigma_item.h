#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/file_report.h"
#include "rules/predicate.h"
#include "rules/yaml_tree.h"

namespace trailwarden::rules {

/// What Sigma rules are loaded with, beside their files.
struct SigmaSettings {
  /// Values of `%name%` under the modifier `expand`; wildcards in them are live.
  std::map<std::string, std::vector<std::string>, std::less<>> placeholders;
};

/// Beyond these a rule is refused: variants of one value (`windash` and `expand` multiply), tests in the whole rule.
inline constexpr std::size_t kMaxSigmaVariants = 1'000;
inline constexpr std::size_t kMaxSigmaTests = 100'000;

/// The expression of one item of a selection, `field|modifier|modifier: value`, spec/sigma.md sections 4 and 5. An empty field makes keywords: anywhere in the
/// event. Modifiers are applied from left to right. What is wrong is reported, with what to do, and gives nothing.
std::optional<Expression> parse_sigma_item(std::string_view key, YamlPlace place, const YamlNode& value, const SigmaSettings& settings, FileReport& report);

}  // namespace trailwarden::rules
