#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/predicate.h"
#include "rules/sigma_detection.h"
#include "rules/sigma_head.h"

namespace trailwarden::rules {

/// A Sigma rule over single records, or what a correlation asks of single records.
struct SigmaRule {
  SigmaHead head;
  Predicate predicate;
  /// Whether a match is a finding. False where only correlations ask for it.
  bool reports = true;
  std::vector<std::string> warnings;  // FILE:LINE:COLUMN: ...
};

/// The rule of a detection without an aggregation. Reports what is wrong; then nothing.
std::optional<SigmaRule> make_sigma_rule(const SigmaHead& head, const SigmaDetection& detection, FileReport& report);

}  // namespace trailwarden::rules
