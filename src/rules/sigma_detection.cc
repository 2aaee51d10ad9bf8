#include "rules/sigma_detection.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "core/text.h"
#include "rules/expression.h"
#include "rules/timespan.h"
#include "rules/yaml_fields.h"

namespace trailwarden::rules {
namespace {

/// All the items of a map.
std::optional<Expression> parse_map(const YamlNode& map, const RuleReading& settings, FileReport& report) {
  std::vector<Expression> items;
  for (const YamlMember& member : map.members) {
    if (report.is_full()) break;
    if (auto item = parse_sigma_item(member.key, member.place, member.value, settings, report)) items.push_back(std::move(*item));
  }
  if (map.members.empty()) report.error(map.place, "a selection without any field");
  if (items.size() < map.members.size() || items.empty()) return std::nullopt;
  return all_of(std::move(items));
}

std::optional<Expression> parse_selection(const YamlNode& node, const RuleReading& settings, FileReport& report);

/// Any of a list's maps and keywords.
std::optional<Expression> parse_list(const YamlNode& list, const RuleReading& settings, FileReport& report) {
  std::vector<Expression> any;
  bool all_read = true;
  for (const YamlNode& item : list.items) {
    if (report.is_full()) return std::nullopt;
    auto expression = parse_selection(item, settings, report);
    if (expression) any.push_back(std::move(*expression));
    else all_read = false;
  }
  if (list.items.empty()) report.error(list.place, "a selection with nothing in its list");
  if (!all_read || any.empty()) return std::nullopt;
  return any_of(std::move(any));
}

std::optional<Expression> parse_selection(const YamlNode& node, const RuleReading& settings, FileReport& report) {
  if (node.kind == YamlNode::Kind::kMap) return parse_map(node, settings, report);
  if (node.kind == YamlNode::Kind::kList) return parse_list(node, settings, report);
  return parse_sigma_item("", node.place, node, settings, report);
}

std::optional<std::vector<SigmaDetection::Condition>> parse_conditions(const YamlFields& fields, FileReport& report) {
  if (!fields.has("condition")) {
    fields.error("condition", "a `condition` is missing: say which selections must hold, as `condition: selection`");
    return std::nullopt;
  }
  std::vector<SigmaDetection::Condition> out;
  if (fields.items("condition").size() > kMaxSigmaConditions) {
    fields.error("condition", fmt::format("condition: more than {} of them", kMaxSigmaConditions));
    return std::nullopt;
  }
  for (const YamlNode& item : fields.items("condition")) {
    if (!item.is_scalar() || item.kind == YamlNode::Kind::kNull)
      report.error(item.place, fmt::format("condition: expected a text, not {}", describe(item.kind)));
    else if (item.text.size() > kMaxSigmaConditionBytes)
      report.error(item.place, fmt::format("condition: longer than {} characters", with_commas(kMaxSigmaConditionBytes)));
    else out.push_back({item.text, item.place});
  }
  if (out.empty() || out.size() < fields.items("condition").size()) return std::nullopt;
  return out;
}

std::optional<SigmaSelection> parse_named(const YamlMember& member, const RuleReading& settings, FileReport& report) {
  if (member.key.empty() || member.key.size() > kMaxSigmaNameBytes) {
    report.error(member.place, fmt::format("the name of a selection has 1 to {} characters", kMaxSigmaNameBytes));
    return std::nullopt;
  }
  auto expression = parse_selection(member.value, settings, report);
  if (!expression) return std::nullopt;
  const std::size_t tests = count_tests(*expression);
  return SigmaSelection{member.key, member.place, std::move(*expression), tests};
}

/// Puts selections in the place of names.
class Resolver {
 public:
  Resolver(const std::vector<SigmaSelection>& selections, std::vector<bool>& used, YamlPlace place, FileReport& report)
      : selections_(selections), used_(used), place_(place), report_(report) {
    used_.resize(selections.size());
    for (std::size_t i = 0; i < selections.size(); ++i) {
      names_.push_back(selections[i].name);
      by_name_[selections[i].name] = i;
    }
  }

  std::optional<Expression> resolve(const SigmaCondition& condition) {
    using Kind = SigmaCondition::Kind;
    switch (condition.kind) {
      case Kind::kName: return named(condition.name);
      case Kind::kAnyOf: return covered(Expression::Kind::kAny, condition.name);
      case Kind::kAllOf: return covered(Expression::Kind::kAll, condition.name);
      case Kind::kAnd: return parts(Expression::Kind::kAll, condition);
      case Kind::kOr: return parts(Expression::Kind::kAny, condition);
      case Kind::kNot: break;
    }
    auto part = resolve(condition.parts.front());
    if (part) part = negated(std::move(*part));
    return part;
  }

 private:
  std::optional<Expression> refuse(std::string message) {
    report_.error(place_, "condition: " + std::move(message));
    return std::nullopt;
  }

  std::optional<Expression> named(std::string_view name) {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return refuse(fmt::format("there is no selection \"{}\"{}", printable(name), did_you_mean(name, names_)));
    const SigmaSelection& selection = selections_[found->second];
    used_[found->second] = true;
    tests_ += selection.tests;
    if (tests_ > kMaxSigmaTests) return refuse(fmt::format("comes to more than {} tests: split the rule", with_commas(kMaxSigmaTests)));
    return selection.expression;
  }

  std::optional<Expression> covered(Expression::Kind kind, std::string_view pattern) {
    const auto names = names_covered(pattern, names_);
    if (names.empty()) return refuse(fmt::format("no selection has a name like \"{}\"", printable(pattern)));
    std::vector<Expression> out;
    for (const std::string_view name : names) {
      auto expression = named(name);
      if (!expression) return std::nullopt;
      out.push_back(std::move(*expression));
    }
    return combined(kind, std::move(out));
  }

  std::optional<Expression> parts(Expression::Kind kind, const SigmaCondition& condition) {
    std::vector<Expression> out;
    for (const SigmaCondition& part : condition.parts) {
      auto expression = resolve(part);
      if (!expression) return std::nullopt;
      out.push_back(std::move(*expression));
    }
    return combined(kind, std::move(out));
  }

  const std::vector<SigmaSelection>& selections_;
  std::vector<bool>& used_;
  YamlPlace place_;
  FileReport& report_;
  std::vector<std::string_view> names_;
  std::map<std::string_view, std::size_t> by_name_;
  std::size_t tests_ = 0;
};

}  // namespace

std::optional<SigmaDetection> parse_sigma_detection(const YamlNode& section, std::initializer_list<std::string_view> beside, const RuleReading& settings,
                                                    FileReport& report) {
  const YamlFields fields(section, "detection", report);
  if (section.kind != YamlNode::Kind::kMap) return std::nullopt;
  SigmaDetection out;
  bool all_read = true;
  std::size_t tests = 0;
  for (const YamlMember& member : section.members) {
    if (member.key == "condition" || member.key == "timeframe" || std::find(beside.begin(), beside.end(), member.key) != beside.end()) continue;
    if (out.selections.size() == kMaxSigmaSelections) {
      report.error(member.place, fmt::format("more than {} selections", with_commas(kMaxSigmaSelections)));
      return std::nullopt;
    }
    auto selection = parse_named(member, settings, report);
    all_read = all_read && selection;
    if (selection) tests += selection->tests;
    if (selection) out.selections.push_back(std::move(*selection));
    if (tests <= kMaxSigmaTests) continue;
    report.error(member.place, fmt::format("more than {} tests: split the rule", with_commas(kMaxSigmaTests)));
    return std::nullopt;
  }
  if (all_read && out.selections.empty()) fields.error("", "there is no selection: name one, as `selection:` with fields below it");
  out.timeframe = fields.timespan("timeframe");
  out.timeframe_place = fields.place("timeframe");
  auto conditions = parse_conditions(fields, report);
  if (!all_read || out.selections.empty() || !conditions || fields.has("timeframe") != out.timeframe.has_value()) return std::nullopt;
  out.conditions = std::move(*conditions);
  return out;
}

std::optional<Expression> sigma_expression(const SigmaCondition& condition, YamlPlace place, const std::vector<SigmaSelection>& selections,
                                           std::vector<bool>& used, FileReport& report) {
  return Resolver(selections, used, place, report).resolve(condition);
}

std::optional<Expression> sigma_expression(const SigmaDetection& detection, FileReport& report) {
  std::vector<bool> used(detection.selections.size());
  std::vector<Expression> any;
  for (const auto& [text, place] : detection.conditions) {
    const auto condition = parse_sigma_condition(text);
    if (!condition) {
      report.error(place, "condition: " + condition.error().message);
      continue;
    }
    if (auto expression = sigma_expression(*condition, place, detection.selections, used, report)) any.push_back(std::move(*expression));
  }
  if (any.size() < detection.conditions.size()) return std::nullopt;
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i]) report.warn(detection.selections[i].place, fmt::format("no condition names the selection \"{}\"", printable(detection.selections[i].name)));
  return any_of(std::move(any));
}

}  // namespace trailwarden::rules
