#include "rules/sigma_document.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "core/hash.h"
#include "core/text.h"
#include "rules/json_value.h"
#include "rules/rule_words.h"
#include "rules/yaml_json.h"

namespace trailwarden::rules {
namespace {

/// Which of detection, correlation and filter the document has; an error if it is not one of them.
std::string_view body_of(const YamlNode& document, FileReport& report) {
  static constexpr std::array<std::string_view, 3> kBodies{"detection", "correlation", "filter"};
  std::string_view body;
  for (const std::string_view name : kBodies) {
    const YamlNode* const found = document.find(name);
    if (found == nullptr) continue;
    if (!body.empty()) report.error(found->place, fmt::format("the document has `{}` and `{}`: make it two", body, name));
    body = name;
  }
  if (!body.empty()) return body;
  if (const YamlNode* const action = document.find("action"))
    report.error(action->place, "`action` documents, which lend their parts to others, are not understood: write each rule out");
  else report.error(document.place, "no Sigma document: it has neither `detection` nor `correlation` nor `filter`");
  return body;
}

std::string describe(const SigmaLogSource& source) {
  std::string out;
  for (const std::string* part : {&source.product, &source.service, &source.category})
    if (!part->empty()) out += (out.empty() ? "" : " ") + printable(*part, 40);
  return out;
}

/// What tells whether a rule still asks for the same.
std::uint64_t hash_of(const YamlNode& body, const RuleReading& settings) {
  std::string text = compacted(to_json(body));
  if (text.find("|expand") != std::string::npos)
    for (const auto& [name, values] : settings.placeholders) text += fmt::format("\n{}={}", name, fmt::join(values, "\n"));
  return xxh3_64(text);
}

template <class Kind>
SigmaDocument or_refused(std::optional<Kind> parsed, const SigmaHead& head, const FileReport& report) {
  if (!parsed || !report.errors.empty()) return SigmaRefused{head};
  return std::move(*parsed);
}

SigmaDocument parse_body(const SigmaHead& head, std::string_view body, const YamlNode& section, const RuleReading& settings, FileReport& report) {
  if (body == "filter") return or_refused(parse_sigma_filter(head, section, settings, report), head, report);
  if (body == "correlation") return or_refused(parse_sigma_correlation(head, section, report), head, report);
  const auto detection = parse_sigma_detection(section, {}, settings, report);
  if (!detection) return SigmaRefused{head};
  if (is_old_correlation(*detection)) return or_refused(translate_old_correlation(head, *detection, report), head, report);
  return or_refused(make_sigma_rule(head, *detection, report), head, report);
}

}  // namespace

bool is_sigma_document(const YamlNode& document) {
  static constexpr std::array<std::string_view, 5> kOnlySigmas{"detection", "correlation", "filter", "logsource", "action"};
  return document.kind == YamlNode::Kind::kMap && std::any_of(kOnlySigmas.begin(), kOnlySigmas.end(), [&](std::string_view key) { return document.find(key) != nullptr; });
}

SigmaDocument parse_sigma_document(const YamlNode& document, const RuleReading& settings, FileReport& report) {
  if (document.kind != YamlNode::Kind::kMap) {
    report.error(document.place, fmt::format("a Sigma document has `key: value` lines at its top; this is {}", describe(document.kind)));
    return SigmaRefused{};
  }
  const std::string_view body = body_of(document, report);
  SigmaHead head = parse_sigma_head(document, body, report);
  if (body.empty()) return SigmaRefused{head};
  head.hash = hash_of(*document.find(body), settings);
  if (!head.log_source.covers_cloudtrail()) {
    report.warn(document.find("logsource")->place, fmt::format("left out: its log source is {}, not aws cloudtrail", describe(head.log_source)));
    return SigmaSkipped{head};
  }
  SigmaDocument out = parse_body(head, body, *document.find(body), settings, report);
  if (settings.names != nullptr) check_words(document, *settings.names, report);
  if (auto* const rule = std::get_if<SigmaRule>(&out)) rule->warnings = report.warnings.lines();
  if (auto* const correlation = std::get_if<SigmaCorrelation>(&out)) correlation->warnings = report.warnings.lines();
  return out;
}

}  // namespace trailwarden::rules
