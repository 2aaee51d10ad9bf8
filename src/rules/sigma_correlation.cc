#include "rules/sigma_correlation.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "rules/yaml_fields.h"

namespace trailwarden::rules {
namespace {

using Op = Threshold::Op;

constexpr std::array<std::string_view, 8> kTypes{"event_count", "value_count", "temporal",         "temporal_ordered",
                                                 "value_sum",   "value_avg",   "value_percentile", "value_median"};
constexpr std::array<CorrelationType, 8> kTypeValues{CorrelationType::kEventCount,      CorrelationType::kValueCount, CorrelationType::kTemporal,
                                                     CorrelationType::kTemporalOrdered, CorrelationType::kValueSum,   CorrelationType::kValueAverage,
                                                     CorrelationType::kValuePercentile, CorrelationType::kValueMedian};
constexpr std::array<std::string_view, 7> kKeys{"type", "rules", "group-by", "timespan", "condition", "aliases", "generate"};
constexpr std::array<std::string_view, 8> kConditionKeys{"lt", "lte", "gt", "gte", "eq", "neq", "field", "percentile"};
constexpr std::array<Op, 6> kOps{Op::kLess, Op::kAtMost, Op::kMore, Op::kAtLeast, Op::kEqual, Op::kUnequal};  // as kConditionKeys begin

bool is_temporal(CorrelationType type) { return type == CorrelationType::kTemporal || type == CorrelationType::kTemporalOrdered; }
bool is_over_values(CorrelationType type) { return type != CorrelationType::kEventCount && !is_temporal(type); }

std::vector<SigmaReference> parse_references(const YamlFields& fields, FileReport& report) {
  std::vector<SigmaReference> out;
  for (const YamlNode& item : fields.items("rules")) {
    if (!item.is_scalar() || item.kind == YamlNode::Kind::kNull)
      report.error(item.place, fmt::format("rules: expected the id, name or title of a rule, not {}", describe(item.kind)));
    else out.push_back({item.text, item.place});
  }
  if (out.size() > kMaxCorrelationSources)
    report.error(out[kMaxCorrelationSources].place, fmt::format("more than {} rules in one correlation", kMaxCorrelationSources));
  return out;
}

std::vector<SigmaAlias> parse_aliases(const YamlFields& fields, FileReport& report) {
  std::vector<SigmaAlias> out;
  const YamlNode* const aliases = fields.find("aliases");
  if (aliases == nullptr) return out;
  (void)YamlFields(*aliases, "aliases", report);
  for (const YamlMember& member : aliases->members) {
    SigmaAlias& alias = out.emplace_back(SigmaAlias{member.key, member.place, {}});
    (void)YamlFields(member.value, member.key, report);
    for (const YamlMember& path : member.value.members) {
      if (path.value.is_scalar() && !path.value.text.empty()) alias.paths.push_back({{path.key, path.place}, path.value.text});
      else report.error(path.value.place, fmt::format("aliases: expected the name of a field, not {}", describe(path.value.kind)));
    }
    if (alias.paths.size() > kMaxCorrelationSources)
      report.error(member.place, fmt::format("aliases: more than {} rules under one name", kMaxCorrelationSources));
  }
  if (out.size() > kMaxGroupParts) report.error(aliases->place, fmt::format("aliases: more than {}", kMaxGroupParts));
  return out;
}

/// `gte: 5`, and `field` and `percentile` beside it.
void parse_numeric_condition(const YamlNode& node, SigmaCorrelation& correlation, FileReport& report) {
  const YamlFields fields(node, "condition", report);
  fields.only(kConditionKeys);
  for (std::size_t i = 0; i < kOps.size(); ++i) {
    if (!fields.has(kConditionKeys[i])) continue;
    const auto number = fields.number(kConditionKeys[i], -1e15, 1e15);
    if (number) correlation.thresholds.push_back({kOps[i], *number});
  }
  correlation.fields = fields.texts("field");
  if (fields.has("field") && !is_over_values(correlation.type))
    fields.error("field", fmt::format("field: means nothing in a correlation of type {}", to_string(correlation.type)));
  if (fields.has("percentile") && correlation.type != CorrelationType::kValuePercentile)
    fields.error("percentile", fmt::format("percentile: means nothing in a correlation of type {}", to_string(correlation.type)));
  if (const auto percentile = fields.number("percentile", 0, 100)) correlation.percentile = *percentile;
}

void parse_condition(const YamlFields& fields, SigmaCorrelation& correlation, FileReport& report) {
  correlation.condition_place = fields.place("condition");
  const YamlNode* const node = fields.find("condition");
  if (node != nullptr && node->kind == YamlNode::Kind::kString) {
    auto condition = parse_sigma_condition(node->text);
    if (!is_temporal(correlation.type))
      fields.error("condition", "condition: rule names belong to the types temporal and temporal_ordered; others need a number, as `gte: 5`");
    else if (!condition) fields.error("condition", "condition: " + condition.error().message);
    else correlation.condition = std::move(*condition);
    return;
  }
  if (node != nullptr) parse_numeric_condition(*node, correlation, report);
  if (is_temporal(correlation.type) || !report.errors.empty()) return;
  if (correlation.thresholds.empty()) fields.error("condition", "condition: a number to compare with is missing, as `gte: 5`");
  if (is_over_values(correlation.type) && correlation.fields.empty()) fields.error("condition", "condition: `field` is missing: whose values are meant?");
  if (correlation.fields.size() > 1 && correlation.type != CorrelationType::kValueCount)
    fields.error("condition", "condition: several fields can only be counted, in a value_count");
}

}  // namespace

std::optional<SigmaCorrelation> parse_sigma_correlation(const SigmaHead& head, const YamlNode& section, FileReport& report) {
  const YamlFields fields(section, "correlation", report);
  fields.only(kKeys);
  SigmaCorrelation out{.head = head};
  const auto type = fields.choice("type", kTypes);
  if (!fields.has("type")) fields.error("type", fmt::format("type: is missing: one of {}", fmt::join(kTypes, ", ")));
  if (type) out.type = kTypeValues[*type];
  out.rules = parse_references(fields, report);
  out.group_by = fields.texts("group-by");
  out.group_by_place = fields.place("group-by");
  if (out.group_by.size() > kMaxGroupParts) fields.error("group-by", fmt::format("group-by: more than {} fields", kMaxGroupParts));
  out.aliases = parse_aliases(fields, report);
  out.generate = fields.boolean("generate").value_or(false);
  const auto timespan = fields.timespan("timespan");
  if (!fields.has("timespan")) fields.error("timespan", "timespan: is missing: how long a window is, as 15m");
  if (timespan) out.timespan = *timespan;
  if (type) parse_condition(fields, out, report);
  const YamlNode* const condition = fields.find("condition");
  const bool condition_names_them = condition != nullptr && condition->kind == YamlNode::Kind::kString;
  if (out.rules.empty() && !condition_names_them) fields.error("rules", "rules: is missing: which rules is this about?");
  if (!type || !timespan || !report.errors.empty()) return std::nullopt;
  return out;
}

}  // namespace trailwarden::rules
