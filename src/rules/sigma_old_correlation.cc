#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "rules/sigma_aggregation.h"
#include "rules/sigma_correlation.h"

namespace trailwarden::rules {
namespace {

constexpr std::chrono::hours kTimespanIfNoneIsSaid{1};

/// The exact texts that a test allows at its path; nothing if it is any other test.
std::optional<std::pair<std::string, std::set<std::string>>> exact_texts(const Expression& test) {
  std::pair<std::string, std::set<std::string>> out;
  const auto add = [&out](const Expression& one) {
    if (one.kind != Expression::Kind::kField || (!out.first.empty() && out.first != one.field.path)) return false;
    const auto* const glob = std::get_if<Glob>(&one.field.test.what);
    if (glob == nullptr || !glob->gaps.empty()) return false;
    out.first = one.field.path;
    std::string text = glob->runs.front();
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
    out.second.insert(std::move(text));
    return true;
  };
  const bool is_any = test.kind == Expression::Kind::kAny;
  if (is_any ? !std::all_of(test.parts.begin(), test.parts.end(), add) : !add(test)) return std::nullopt;
  return out;
}

std::map<std::string, std::set<std::string>> exact_fields(const Expression& selection) {
  std::map<std::string, std::set<std::string>> out;
  const auto note = [&out](const Expression& test) {
    if (auto exact = exact_texts(test)) out.insert(std::move(*exact));
  };
  if (selection.kind == Expression::Kind::kAll) std::for_each(selection.parts.begin(), selection.parts.end(), note);
  else note(selection);
  return out;
}

/// Whether no one record can be what both selections ask for: they want different texts in one of CloudTrail's own fields, which have one value.
bool exclude_each_other(const Expression& a, const Expression& b) {
  const auto of_a = exact_fields(a), of_b = exact_fields(b);
  return std::any_of(of_a.begin(), of_a.end(), [&of_b](const auto& field) {
    const auto other = of_b.find(field.first);
    const bool has_one_value = field.first == "eventName" || field.first == "eventSource";
    return has_one_value && other != of_b.end() &&
           std::none_of(field.second.begin(), field.second.end(), [&](const std::string& text) { return other->second.contains(text); });
  });
}

/// The names of `a and b and ...`; empty if the condition is anything else.
std::vector<std::string> conjoined_names(const SigmaCondition& condition) {
  using Kind = SigmaCondition::Kind;
  std::vector<std::string> names;
  if (condition.kind == Kind::kName) return {condition.name};
  if (condition.kind != Kind::kAnd) return {};
  for (const SigmaCondition& part : condition.parts) {
    if (part.kind != Kind::kName) return {};
    names.push_back(part.name);
  }
  return names;
}

const Expression* find(const SigmaDetection& detection, const std::string& name) {
  const auto found =
      std::find_if(detection.selections.begin(), detection.selections.end(), [&name](const SigmaSelection& selection) { return selection.name == name; });
  return found == detection.selections.end() ? nullptr : &found->expression;
}

/// The selections of a condition without a bar that only several records together can fulfil; empty if there are no such.
std::vector<std::string> apart_names(const SigmaDetection& detection, std::string_view text) {
  const auto condition = parse_sigma_condition(text);
  if (!detection.timeframe || !condition) return {};
  std::vector<std::string> names = conjoined_names(*condition);
  if (names.size() > kMaxCorrelationSources) return {};
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      const Expression *const a = find(detection, names[i]), *const b = find(detection, names[k]);
      if (a == nullptr || b == nullptr || !exclude_each_other(*a, *b)) return {};
    }
  }
  return names.size() > 1 ? names : std::vector<std::string>();
}

SigmaRule part_of(const SigmaHead& head, Expression expression) { return {.head = head, .predicate = {.expression = std::move(expression)}, .reports = false}; }

/// Adds the parts of `near a and not b`; false, and an error, for any other condition.
bool add_near(const SigmaHead& head, const SigmaCondition& near, YamlPlace place, const SigmaDetection& detection, std::vector<bool>& used,
              SigmaCorrelation& out, FileReport& report) {
  using Kind = SigmaCondition::Kind;
  const std::vector<SigmaCondition> one{near};
  SigmaCondition all{.kind = Kind::kAnd};
  for (const SigmaCondition& part : near.kind == Kind::kAnd ? near.parts : one) {
    const bool is_not = part.kind == Kind::kNot;
    const SigmaCondition& name = is_not ? part.parts.front() : part;
    if (name.kind != Kind::kName) {
      report.error(place, "condition: behind `near` only names, or `not` names, joined by `and` can be translated into a correlation");
      return false;
    }
    auto expression = sigma_expression(name, place, detection.selections, used, report);
    if (!expression) return false;
    out.parts.push_back(part_of(head, std::move(*expression)));
    SigmaCondition source{.kind = Kind::kName, .name = std::to_string(out.parts.size() - 1)};
    if (out.parts.size() > kMaxCorrelationSources) {
      report.error(place, fmt::format("condition: more than {} names behind `near`", kMaxCorrelationSources));
      return false;
    }
    all.parts.push_back(is_not ? SigmaCondition{.kind = Kind::kNot, .parts = {source}} : source);
  }
  all.parts.insert(all.parts.begin(), SigmaCondition{.kind = Kind::kName, .name = "0"});
  out.condition = std::move(all);
  return true;
}

std::optional<SigmaCorrelation> translate(const SigmaHead& head, std::string_view text, YamlPlace place, std::size_t bar, const SigmaDetection& detection,
                                          FileReport& report) {
  const auto search = parse_sigma_condition(text.substr(0, bar));
  const auto aggregation = parse_sigma_aggregation(text.substr(bar + 1));
  if (!search) report.error(place, "condition: " + search.error().message);
  if (!aggregation) report.error(place, "condition: " + aggregation.error().message);
  if (!search || !aggregation) return std::nullopt;
  std::vector<bool> used;
  auto expression = sigma_expression(*search, place, detection.selections, used, report);
  if (!expression) return std::nullopt;
  SigmaCorrelation out;
  out.type = aggregation->type;
  out.group_by = aggregation->group_by;
  out.parts.push_back(part_of(head, std::move(*expression)));
  if (aggregation->type == CorrelationType::kTemporal) {
    if (!add_near(head, aggregation->near, place, detection, used, out, report)) return std::nullopt;
  } else {
    out.thresholds.push_back(aggregation->threshold);
    if (!aggregation->field.empty()) out.fields.push_back(aggregation->field);
  }
  return out;
}

}  // namespace

bool is_old_correlation(const SigmaDetection& detection) {
  return std::any_of(detection.conditions.begin(), detection.conditions.end(), [&](const SigmaDetection::Condition& condition) {
    return condition.text.find('|') != std::string::npos || !apart_names(detection, condition.text).empty();
  });
}

std::optional<SigmaCorrelation> translate_old_correlation(const SigmaHead& head, const SigmaDetection& detection, FileReport& report) {
  const auto& [text, place] = detection.conditions.front();
  if (detection.conditions.size() > 1) {
    report.error(place, "condition: of an old form, of which only a single one can be translated into a correlation: make it several rules");
    return std::nullopt;
  }
  std::optional<SigmaCorrelation> out;
  if (const std::size_t bar = text.find('|'); bar != text.npos) {
    out = translate(head, text, place, bar, detection, report);
  } else {
    out.emplace().type = CorrelationType::kTemporal;
    for (const std::string& name : apart_names(detection, text)) out->parts.push_back(part_of(head, *find(detection, name)));
  }
  if (!out) return std::nullopt;
  out->head = head;
  out->condition_place = place;
  out->timespan = detection.timeframe.value_or(kTimespanIfNoneIsSaid);
  report.warn(place, fmt::format("condition: of an old form, read as a correlation of type {} over {}", to_string(out->type),
                                 detection.timeframe ? "the timeframe" : "one hour, as there is no `timeframe`"));
  return out;
}

}  // namespace trailwarden::rules
