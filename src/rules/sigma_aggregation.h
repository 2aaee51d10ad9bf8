#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "rules/correlation.h"
#include "rules/sigma_condition.h"

namespace trailwarden::rules {

/// What stands behind the bar of an old condition, spec/sigma.md section 8:
///
///     count() [by field {, field}] OP number      count(field) ..., sum(field) ..., avg(field) ...      near condition
///
/// with OP one of > >= < <= = == !=.
struct SigmaAggregation {
  CorrelationType type = CorrelationType::kEventCount;  // kTemporal for `near`
  std::string field;                                    // that is counted or summed
  std::vector<std::string> group_by;
  Threshold threshold;
  SigmaCondition near;
};

/// kMalformed with what is wrong, or kUnsupported for what no correlation says (`min`, `max`).
Result<SigmaAggregation> parse_sigma_aggregation(std::string_view text);

}  // namespace trailwarden::rules
