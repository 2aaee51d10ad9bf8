#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event/decoder.h"
#include "rules/correlation_graph.h"
#include "rules/naive_evaluator.h"
#include "rules/rule_set.h"
#include "rules/sigma_pack.h"

namespace {

using namespace trailwarden;

constexpr std::string_view kFile = "fuzz.yml";

/// Checks that a complaint is "FILE:LINE:COLUMN: what", and that the text has such a line.
void check_place(std::string_view complaint, std::size_t lines) {
  if (!complaint.starts_with(kFile) || !complaint.substr(kFile.size()).starts_with(':')) std::abort();
  std::size_t line = 0, column = 0;
  const char* const end = complaint.data() + complaint.size();
  const auto [after_line, no_line] = std::from_chars(complaint.data() + kFile.size() + 1, end, line);
  if (no_line != std::errc{} || line < 1 || line > lines || *after_line != ':') std::abort();
  const auto [after_column, no_column] = std::from_chars(after_line + 1, end, column);
  if (no_column != std::errc{} || column < 1 || !std::string_view(after_column, end).starts_with(": ")) std::abort();
  if (std::any_of(complaint.begin(), complaint.end(), [](char c) { return c == '\n' || c == '\x1b'; })) std::abort();
}

constexpr std::array<std::string_view, 4> kRecords{
    R"({})",
    R"({"eventTime":"2024-02-29T12:34:56Z","eventSource":"s3.amazonaws.com","eventName":"DeleteBucket","sourceIPAddress":"198.51.100.7","n":5,"b":true,"z":null,"errorCode":""})",
    R"({"a":{"b":[{"c":"x"},{"c":["y",1.5e3,"10"]},[]]},"a.b":"flat","x":"cmd -f Zm9v *?\\ \u2013","s":{"k":[{"v":"Suspended"}]},"user":"Bob","other":"bob"})",
    R"({"requestParameters":{"policyDocument":"{\"Action\":\"s3:*\"}","list":["a","B",[null,false]]},"userIdentity":{"arn":"arn:aws:iam::012345678901:user/bob"}})",
};

/// Holds the compiled matcher against the naive evaluator.
void compare(const std::vector<rules::Predicate>& predicates) {
  auto compiled = rules::RuleSet::compile(predicates);
  if (!compiled) return;  // a limit of the compiler
  rules::Matcher matcher(std::move(*compiled));
  for (const std::string_view record : kRecords) {
    const std::string padded = std::string(record) + std::string(event::kPadding, '\0');
    std::vector<std::uint32_t> matches, expected;
    if (matcher.match(std::string_view(padded).substr(0, record.size()), matches) != event::Refusal::kNone) std::abort();
    const auto evaluator = rules::NaiveEvaluator::create(record);
    for (std::uint32_t i = 0; i < predicates.size(); ++i)
      if (evaluator->matches(predicates[i])) expected.push_back(i);
    if (matches != expected) std::abort();
  }
}

}  // namespace

// Any bytes as a Sigma file: every complaint has a place, rules match as the naive evaluator says, correlations can be run.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  rules::SigmaLoader loader({{{"admins", {"alice", "b*b"}}, {"none", {}}}});
  loader.add(text, kFile);
  const rules::SigmaPack pack = std::move(loader).finish();
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const Diagnostics* const said : {&pack.errors, &pack.warnings})
    for (const std::string& complaint : said->lines()) check_place(complaint, lines);
  std::vector<rules::Correlation> correlations;
  for (const rules::SigmaLinkedCorrelation& linked : pack.correlations) correlations.push_back(linked.correlation);
  std::vector<rules::Predicate> predicates;
  for (const rules::SigmaRule& rule : pack.rules) predicates.push_back(rule.predicate);
  const auto graph = rules::CorrelationGraph::create(std::move(correlations));
  if (!graph) std::abort();
  std::size_t tests = 0;
  for (const rules::Predicate& predicate : predicates) tests += predicate.expression.parts.size() + 1;
  if (tests < 2'000) compare(predicates);
  return 0;
}
