#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/sigma_correlation.h"
#include "rules/sigma_head.h"

namespace trailwarden::rules {

/// A `filter` document, spec/sigma.md section 10: its rules match only records that fulfil its condition too.
struct SigmaFilter {
  SigmaHead head;
  bool is_for_any = false;            // rule with a log source that fits
  std::vector<SigmaReference> rules;  // else these
  Expression expression;
};

/// Reads the `filter` of a document. Reports what is wrong; then nothing.
std::optional<SigmaFilter> parse_sigma_filter(const SigmaHead& head, const YamlNode& section, const RuleReading& settings, FileReport& report);

}  // namespace trailwarden::rules
