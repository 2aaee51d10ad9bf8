#include "rules/sigma_filter.h"

#include <utility>

#include <fmt/format.h>

#include "rules/yaml_fields.h"

namespace trailwarden::rules {
namespace {

void parse_rules(const YamlFields& fields, SigmaFilter& filter, FileReport& report) {
  const YamlNode* const node = fields.find("rules");
  if (node == nullptr) return fields.error("rules", "rules: is missing: ids or names of rules, or `any`");
  for (const YamlNode& item : fields.items("rules")) {
    if (item.is_scalar()) filter.rules.push_back({item.text, item.place});
    else report.error(item.place, fmt::format("rules: expected the id or name of a rule, not {}", describe(item.kind)));
  }
  filter.is_for_any = filter.rules.empty() || (node->is_scalar() && (node->text == "any" || node->text == "all"));
}

}  // namespace

std::optional<SigmaFilter> parse_sigma_filter(const SigmaHead& head, const YamlNode& section, const RuleReading& settings, FileReport& report) {
  const YamlFields fields(section, "filter", report);
  SigmaFilter filter{.head = head};
  parse_rules(fields, filter, report);
  const auto detection = parse_sigma_detection(section, {"rules"}, settings, report);
  if (!detection) return std::nullopt;
  auto expression = sigma_expression(*detection, report);
  if (!expression) return std::nullopt;
  if (expression->kind != Expression::Kind::kNot)
    fields.warn("condition", "only records that fulfil a filter's condition still match its rules; to leave records out, write `not selection`");
  filter.expression = std::move(*expression);
  return filter;
}

}  // namespace trailwarden::rules
