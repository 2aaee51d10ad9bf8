#include "app/event_pattern_cases.h"

#include <cerrno>
#include <fstream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "event/decoder.h"
#include "rules/event_pattern.h"
#include "rules/naive_evaluator.h"
#include "rules/rule_set.h"

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

Result<bool> match_compiled(const rules::Predicate& predicate, const std::string& event) {
  auto compiled = rules::RuleSet::compile(std::span(&predicate, 1));
  if (!compiled) return fail(compiled.error());
  rules::Matcher matcher(std::move(*compiled));
  const std::string padded = event + std::string(event::kPadding, '\0');
  std::vector<std::uint32_t> matches;
  const event::Refusal refusal = matcher.match(std::string_view(padded).substr(0, event.size()), matches);
  if (refusal != event::Refusal::kNone) return fail(ErrorCode::kMalformed, std::string(event::advice(refusal)));
  return !matches.empty();
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
  const bool naive = judge("the naive evaluator", outcome_of(match_naively(*predicate, event)));
  return judge("the compiled matcher", outcome_of(match_compiled(*predicate, event))) && naive;
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
