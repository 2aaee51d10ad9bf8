#include "app/sigma_cases.h"

#include <cerrno>
#include <fstream>
#include <optional>

#include <fmt/format.h>

#include "rules/json_value.h"
#include "rules/naive_evaluator.h"
#include "rules/sigma_detection.h"

namespace trailwarden::app {
namespace {

using rules::JsonValue;

/// A member of a case; nullptr if it has none.
const JsonValue* find(const JsonValue& object, std::string_view name) {
  for (const rules::JsonMember& member : object.members)
    if (member.name == name) return &member.value;
  return nullptr;
}

std::string text_of(const JsonValue& object, std::string_view name) {
  const JsonValue* const value = find(object, name);
  return value == nullptr ? std::string() : value->text;
}

std::string first_line(const Diagnostics& errors) { return errors.empty() ? std::string("no reason given") : errors.lines().front(); }

/// What a case expected and did not get; empty if it did.
using Verdict = std::string;

Result<rules::Predicate> parse_detection(const std::string& yaml) {
  const auto documents = rules::parse_yaml(yaml, "detection");
  if (!documents) return fail(documents.error());
  if (documents->size() != 1) return fail(ErrorCode::kMalformed, "a case has one detection");
  rules::FileReport report{.file = "detection"};
  const auto detection = rules::parse_sigma_detection(documents->front(), {}, {}, report);
  auto expression = detection ? rules::sigma_expression(*detection, report) : std::nullopt;
  if (!expression) return fail(ErrorCode::kMalformed, first_line(report.errors));
  return rules::Predicate{.expression = std::move(*expression)};
}

Verdict run_detection(const JsonValue& c) {
  const auto predicate = parse_detection(text_of(c, "detection"));
  if (!predicate) return "the rule does not load: " + predicate.error().message;
  const JsonValue* const event = find(c, "event");
  const auto evaluator = rules::NaiveEvaluator::create(event == nullptr ? "" : rules::compact_json(*event));
  if (!evaluator) return "the event does not load: " + evaluator.error().message;
  const JsonValue* const expect = find(c, "expect");
  const bool expected = expect != nullptr && expect->kind == JsonValue::Kind::kTrue;
  if (evaluator->matches(*predicate) == expected) return {};
  return fmt::format("expected {}, the naive evaluator says {}", expected, !expected);
}

}  // namespace

Result<ConformanceCount> run_sigma_cases(const std::string& file, std::ostream& out) {
  std::ifstream in(file);
  if (!in) return fail(io_error("open", file, errno));
  ConformanceCount count;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    const auto c = rules::parse_json(line);
    if (!c) return fail(ErrorCode::kMalformed, fmt::format("{}:{}:{}: {}", file, number, c.error().offset + 1, c.error().message));
    const std::string kind = text_of(*c, "kind");
    if (kind != "detection") {
      ++count.skipped;
      continue;
    }
    const Verdict verdict = run_detection(*c);
    ++(verdict.empty() ? count.passed : count.failed);
    if (!verdict.empty()) out << fmt::format("{}: {}\n", text_of(*c, "id"), verdict);
  }
  return count;
}

}  // namespace trailwarden::app
