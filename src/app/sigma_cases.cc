#include "app/sigma_cases.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "event/decoder.h"
#include "rules/correlation_graph.h"
#include "rules/json_value.h"
#include "rules/naive_evaluator.h"
#include "rules/rule_set.h"
#include "rules/sigma_detection.h"
#include "rules/sigma_pack.h"

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
  const auto documents = rules::parse_yaml(yaml);
  if (!documents) return fail(ErrorCode::kMalformed, documents.error().message);
  if (documents->size() != 1) return fail(ErrorCode::kMalformed, "a case has one detection");
  rules::FileReport report{.file = "detection"};
  const auto detection = rules::parse_sigma_detection(documents->front(), {}, {}, report);
  auto expression = detection ? rules::sigma_expression(*detection, report) : std::nullopt;
  if (!expression) return fail(ErrorCode::kMalformed, first_line(report.errors));
  return rules::Predicate{.expression = std::move(*expression)};
}

/// The numbers of the rules that hold for one record, by the compiled matcher.
std::vector<std::uint32_t> compiled_matches(rules::Matcher& matcher, const std::string& event) {
  const std::string padded = event + std::string(event::kPadding, '\0');
  std::vector<std::uint32_t> matches;
  matcher.match(std::string_view(padded).substr(0, event.size()), matches);
  return matches;
}

Verdict run_detection(const JsonValue& c) {
  const auto predicate = parse_detection(text_of(c, "detection"));
  if (!predicate) return "the rule does not load: " + predicate.error().message;
  auto compiled = rules::RuleSet::compile(std::span(&*predicate, 1));
  if (!compiled) return "the rule does not compile: " + compiled.error().message;
  const JsonValue* const value = find(c, "event");
  const std::string event = value == nullptr ? "" : rules::compact_json(*value);
  const auto evaluator = rules::NaiveEvaluator::create(event);
  if (!evaluator) return "the event does not load: " + evaluator.error().message;
  const JsonValue* const expect = find(c, "expect");
  const bool expected = expect != nullptr && expect->kind == JsonValue::Kind::kTrue;
  if (evaluator->matches(*predicate) != expected) return fmt::format("expected {}, the naive evaluator says {}", expected, !expected);
  rules::Matcher matcher(std::move(*compiled));
  if (compiled_matches(matcher, event).empty() == expected) return fmt::format("expected {}, the compiled matcher says {}", expected, !expected);
  return {};
}

/// One result of a correlation, as a case expects it.
struct CaseResult {
  std::size_t at = 0;  // which event
  std::string name;
  std::vector<std::string> group;
  double value = 0;
  auto operator<=>(const CaseResult&) const = default;
};

std::string describe(const std::vector<CaseResult>& results) {
  std::string out;
  for (const CaseResult& result : results)
    out += fmt::format("{}{{at {}, {}, [{}], {}}}", out.empty() ? "" : " ", result.at, result.name, fmt::join(result.group, ", "), result.value);
  return out.empty() ? "none" : out;
}

double number_of(const JsonValue* value) {
  double number = 0;
  if (value != nullptr) std::from_chars(value->text.data(), value->text.data() + value->text.size(), number);
  return number;
}

std::vector<CaseResult> expected_results(const JsonValue& c) {
  std::vector<CaseResult> out;
  const JsonValue* const expect = find(c, "expect");
  if (expect == nullptr) return out;
  for (const JsonValue& element : expect->elements) {
    CaseResult& result =
        out.emplace_back(CaseResult{static_cast<std::size_t>(number_of(find(element, "at"))), text_of(element, "name"), {}, number_of(find(element, "value"))});
    if (const JsonValue* const group = find(element, "group"))
      for (const JsonValue& part : group->elements) result.group.push_back(part.text);
  }
  return out;
}

/// The first text at each path; nothing if one has none.
std::optional<std::vector<std::string>> first_texts(const rules::NaiveEvaluator& record, const std::vector<std::string>& paths) {
  std::vector<std::string> out;
  for (const std::string& path : paths) {
    std::vector<std::string> texts = record.texts_at(path);
    if (texts.empty()) return std::nullopt;
    out.push_back(std::move(texts.front()));
  }
  return out;
}

const std::string& name_of(const rules::SigmaHead& head) { return head.name.empty() ? head.label() : head.name; }

/// Runs events through a pack's rules and correlations.
class CorrelationRun {
 public:
  static Result<CorrelationRun> create(const rules::SigmaPack& pack) {
    std::vector<rules::Predicate> predicates;
    for (const rules::SigmaRule& rule : pack.rules) predicates.push_back(rule.predicate);
    std::vector<rules::Correlation> correlations;
    for (const rules::SigmaLinkedCorrelation& linked : pack.correlations) correlations.push_back(linked.correlation);
    auto compiled = rules::RuleSet::compile(predicates);
    if (!compiled) return fail(compiled.error());
    auto graph = rules::CorrelationGraph::create(std::move(correlations));
    if (!graph) return fail(graph.error());
    return CorrelationRun(pack, rules::Matcher(std::move(*compiled)), std::move(*graph));
  }

  Result<void> observe(const JsonValue& value, std::size_t number, std::vector<CaseResult>& out) {
    const std::string event = rules::compact_json(value);
    const auto time = parse_event_time(text_of(value, "eventTime"));
    const auto record = rules::NaiveEvaluator::create(event);
    if (!time || !record) return fail(ErrorCode::kMalformed, fmt::format("event {} has no eventTime, or is no object", number));
    std::vector<rules::CorrelationGraph::Result> results;
    for (const std::uint32_t rule : compiled_matches(matcher_, event))
      for (const rules::CorrelationGraph::Feed feed : graph_.feeds(rule)) {
        const rules::CorrelationSource& source = graph_.state(feed.correlation).correlation().sources[feed.source];
        auto group = first_texts(*record, source.group);
        if (!group) continue;  // a record without a part of the group is left out
        graph_.observe(feed,
                       {.source = feed.source,
                        .time = *time,
                        .event_id = std::to_string(number),
                        .group = std::move(*group),
                        .values = first_texts(*record, source.values).value_or(std::vector<std::string>())},
                       results);
      }
    for (rules::CorrelationGraph::Result& found : results)
      out.push_back({number, name_of(pack_->correlations[found.correlation].head), std::move(found.result.group), found.result.value});
    return {};
  }

 private:
  CorrelationRun(const rules::SigmaPack& pack, rules::Matcher matcher, rules::CorrelationGraph graph)
      : pack_(&pack), matcher_(std::move(matcher)), graph_(std::move(graph)) {}

  const rules::SigmaPack* pack_;
  rules::Matcher matcher_;
  rules::CorrelationGraph graph_;
};

Verdict run_correlation(const JsonValue& c) {
  rules::SigmaLoader loader({});
  loader.add(text_of(c, "rules"), "rules");
  const rules::SigmaPack pack = std::move(loader).finish();
  if (!pack.errors.empty()) return "the rules do not load: " + first_line(pack.errors);
  auto run = CorrelationRun::create(pack);
  if (!run) return "the rules do not compile: " + run.error().message;
  std::vector<CaseResult> got;
  const JsonValue* const events = find(c, "events");
  for (std::size_t i = 0; events != nullptr && i < events->elements.size(); ++i)
    if (const auto observed = run->observe(events->elements[i], i, got); !observed) return observed.error().message;
  std::vector<CaseResult> expected = expected_results(c);
  std::sort(got.begin(), got.end());
  std::sort(expected.begin(), expected.end());
  if (got == expected) return {};
  return fmt::format("expected {}; got {}", describe(expected), describe(got));
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
    if (kind != "detection" && kind != "correlation") {
      ++count.skipped;
      continue;
    }
    const Verdict verdict = kind == "detection" ? run_detection(*c) : run_correlation(*c);
    ++(verdict.empty() ? count.passed : count.failed);
    if (!verdict.empty()) out << fmt::format("{}: {}\n", text_of(*c, "id"), verdict);
  }
  return count;
}

}  // namespace trailwarden::app
