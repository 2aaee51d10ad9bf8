#include "app/event_pattern_cases.h"

#include <cerrno>
#include <fstream>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rules/event_pattern.h"
#include "rules/naive_evaluator.h"

namespace trailwarden::app {
namespace {

using nlohmann::json;

/// What came of a case, in the words of `expect`, and why if it is an error.
struct Outcome {
  std::string word, detail;
};

Outcome outcome_of(const Result<bool>& matched) {
  if (!matched) return {"invalid_event", matched.error().message};
  return {*matched ? "match" : "nomatch", ""};
}

Result<bool> match_naively(const rules::Predicate& predicate, const std::string& event) {
  const auto evaluator = rules::NaiveEvaluator::create(event);
  if (!evaluator) return fail(evaluator.error());
  return evaluator->matches(predicate);
}

/// Writes a line for what disagrees; returns whether all agreed.
bool run_case(const json& c, std::ostream& out) {
  const std::string expected = c.at("expect");
  const auto judge = [&](std::string_view how, const Outcome& got) {
    if (got.word == expected) return true;
    out << fmt::format("{}: expected {}, {} says {}{}{}\n", c.at("id").get<std::string>(), expected, how, got.word, got.detail.empty() ? "" : ": ", got.detail);
    return false;
  };
  const auto predicate = rules::parse_event_pattern(c.at("pattern").get<std::string>());
  if (!predicate) return judge("the compiler", {"invalid_pattern", predicate.error().message});
  if (expected == "valid_pattern" || expected == "invalid_pattern" || c.at("event").is_null()) return judge("the compiler", {"valid_pattern", ""});
  const std::string event = c.at("event");
  return judge("the naive evaluator", outcome_of(match_naively(*predicate, event)));
}

}  // namespace

Result<ConformanceCount> run_event_pattern_cases(const std::string& file, std::ostream& out) {
  std::ifstream in(file);
  if (!in) return fail(io_error("open", file, errno));
  ConformanceCount count;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    try {
      ++(run_case(json::parse(line), out) ? count.passed : count.failed);
    } catch (const json::exception& error) {
      return fail(ErrorCode::kMalformed, fmt::format("{}:{}: {}", file, number, error.what()));
    }
  }
  return count;
}

}  // namespace trailwarden::app
