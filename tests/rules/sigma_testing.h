#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "rules/naive_evaluator.h"
#include "rules/sigma_detection.h"
#include "rules/yaml_tree.h"

namespace trailwarden::rules {

/// A detection section as `d`, with what was said of it.
struct ReadDetection {
  explicit ReadDetection(std::string_view yaml, const RuleReading& settings = {}) {
    const auto documents = parse_yaml(yaml);
    EXPECT_TRUE(documents) << (documents ? "" : documents.error().message);
    if (!documents || documents->empty()) return;
    const auto detection = parse_sigma_detection(documents->front(), {}, settings, report);
    if (detection) expression = sigma_expression(*detection, report);
    EXPECT_EQ(expression.has_value(), report.errors.empty()) << "there is an error exactly if there is nothing";
  }

  std::vector<std::string> errors() const { return report.errors.lines(); }
  std::vector<std::string> warnings() const { return report.warnings.lines(); }
  /// The only error, or "".
  std::string error() const {
    EXPECT_LE(errors().size(), 1U) << errors().back();
    return errors().empty() ? "" : errors().front();
  }

  bool matches(std::string_view event) const {
    const auto evaluator = NaiveEvaluator::create(event);
    EXPECT_TRUE(evaluator) << event;
    EXPECT_TRUE(expression) << (errors().empty() ? "" : errors().front());
    return evaluator && expression && evaluator->matches({.expression = *expression});
  }

  FileReport report{.file = "d"};
  std::optional<Expression> expression;
};

/// A detection of one selection with one item.
inline ReadDetection one_item(std::string_view item, const RuleReading& settings = {}) {
  return ReadDetection("s:\n  " + std::string(item) + "\ncondition: s\n", settings);
}

}  // namespace trailwarden::rules
