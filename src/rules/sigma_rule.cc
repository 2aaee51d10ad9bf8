#include "rules/sigma_rule.h"

#include <utility>

namespace trailwarden::rules {

std::optional<SigmaRule> make_sigma_rule(const SigmaHead& head, const SigmaDetection& detection, FileReport& report) {
  if (detection.timeframe) report.warn(detection.timeframe_place, "timeframe: means nothing without an aggregation in the condition");
  auto expression = sigma_expression(detection, report);
  if (!expression) return std::nullopt;
  return SigmaRule{.head = head, .predicate = {.expression = std::move(*expression)}};
}

}  // namespace trailwarden::rules
