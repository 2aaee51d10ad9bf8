#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/file_report.h"
#include "rules/predicate.h"
#include "rules/sigma_condition.h"
#include "rules/sigma_item.h"
#include "rules/yaml_tree.h"

namespace trailwarden::rules {

inline constexpr std::size_t kMaxSigmaSelections = 1'000;
inline constexpr std::size_t kMaxSigmaNameBytes = 128;
inline constexpr std::size_t kMaxSigmaConditions = 100;
inline constexpr std::size_t kMaxSigmaConditionBytes = 10'000;

/// One named selection.
struct SigmaSelection {
  std::string name;
  YamlPlace place;  // of the name
  Expression expression;
  std::size_t tests = 0;  // how many the expression has
  bool operator==(const SigmaSelection&) const = default;
};

/// The `detection` of a rule, or what a filter has of it, before its condition is put to use.
struct SigmaDetection {
  struct Condition {
    std::string text;
    YamlPlace place;
  };
  std::vector<SigmaSelection> selections;
  std::vector<Condition> conditions;  // any of them; at least one
  std::optional<std::chrono::seconds> timeframe;
  YamlPlace timeframe_place;
};

/// Reads selections, `condition` and `timeframe`; members named in `beside` are left to the caller. Reports what is wrong; then nothing.
std::optional<SigmaDetection> parse_sigma_detection(const YamlNode& section, std::initializer_list<std::string_view> beside, const RuleReading& settings,
                                                    FileReport& report);

/// Puts the selections in the place of their names. Reports unknown names, patterns that cover nothing, and an expression that grows too large; then nothing.
/// `used` gets a flag for each selection.
std::optional<Expression> sigma_expression(const SigmaCondition& condition, YamlPlace place, const std::vector<SigmaSelection>& selections,
                                           std::vector<bool>& used, FileReport& report);

/// The expression of a detection without an aggregation (`|`): any of its conditions. Warns of selections that no condition names.
std::optional<Expression> sigma_expression(const SigmaDetection& detection, FileReport& report);

}  // namespace trailwarden::rules
