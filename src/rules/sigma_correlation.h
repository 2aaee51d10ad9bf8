#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rules/correlation.h"
#include "rules/sigma_condition.h"
#include "rules/sigma_rule.h"

namespace trailwarden::rules {

/// The name that a document gives to another: its id, name or title.
struct SigmaReference {
  std::string name;
  YamlPlace place;
};

/// Where each rule has what a correlation calls by one name.
struct SigmaAlias {
  std::string name;
  YamlPlace place;
  std::vector<std::pair<SigmaReference, std::string>> paths;
};

/// A `correlation` document as it is written, spec/sigma.md section 7; `SigmaPack` finds what its references mean.
struct SigmaCorrelation {
  SigmaHead head;
  CorrelationType type = CorrelationType::kEventCount;
  std::vector<SigmaReference> rules;
  std::vector<SigmaRule> parts;  // rules of its own, instead: what an old condition with a bar is over
  std::vector<std::string> group_by;
  YamlPlace group_by_place;
  std::vector<SigmaAlias> aliases;
  std::chrono::seconds timespan{};
  std::vector<Threshold> thresholds;
  std::vector<std::string> fields;  // whose values are counted or added up
  double percentile = 50;
  std::optional<SigmaCondition> condition;  // over names of rules; over "0", "1", ... for parts
  YamlPlace condition_place;
  bool generate = false;
  std::vector<std::string> warnings;
};

/// Reads the `correlation` of a document. Reports what is wrong; then nothing.
std::optional<SigmaCorrelation> parse_sigma_correlation(const SigmaHead& head, const YamlNode& section, FileReport& report);

/// Whether the detection is of an old form that only a correlation can say (spec/sigma.md section 8): a condition with a bar, or a `timeframe` and a condition
/// that asks for two events that no one record can be.
bool is_old_correlation(const SigmaDetection& detection);

/// The correlation of such a detection, over parts of the rule; warns that it was translated. Reports what is wrong; then nothing.
std::optional<SigmaCorrelation> translate_old_correlation(const SigmaHead& head, const SigmaDetection& detection, FileReport& report);

}  // namespace trailwarden::rules
