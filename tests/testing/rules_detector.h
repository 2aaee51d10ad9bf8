#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/check.h"
#include "detectors/rules.h"
#include "rules/rule_file.h"

namespace trailwarden::testing {

/// The detector of a rule file's text.
inline detectors::ConfiguredDetector rules_detector(std::string_view yaml) {
  rules::FileReport report{"rules.yaml", {}, {}};
  auto book = rules::RuleBook::compile(rules::read_rule_file(yaml, report));
  TRAILWARDEN_CHECK(report.errors.empty() && book.has_value(), "the rules of a test are sound");
  return detectors::Rules::configured(std::make_shared<detectors::RuleSettings>(detectors::RuleSettings{*std::move(book), {}}));
}

}  // namespace trailwarden::testing
