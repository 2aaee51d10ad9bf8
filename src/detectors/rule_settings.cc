#include "detectors/rule_settings.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "core/text.h"
#include "rules/rule_folder.h"
#include "rules/timespan.h"

namespace trailwarden::detectors {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using rules::Rule;

constexpr std::array<std::string_view, 5> kSeverityNames{"informational", "low", "medium", "high", "critical"};

RuleOverride read_override(const config::Section& section) {
  static constexpr std::array<std::string_view, 5> kKeys{"rule", "enabled", "severity", "quiet_for", "parameters"};
  section.only(kKeys);
  RuleOverride out;
  out.place = section.place();
  out.rule = section.text("rule", "");
  if (out.rule.empty()) section.report("rule", "an override names its `rule`, by id or glob");
  if (section.has("enabled")) out.enabled = section.boolean("enabled", true);
  if (section.has("severity")) {
    const std::string name = section.choice("severity", "low", kSeverityNames);
    out.severity = static_cast<event::Severity>(std::find(kSeverityNames.begin(), kSeverityNames.end(), name) - kSeverityNames.begin());
  }
  if (section.has("quiet_for")) out.quiet_for = section.duration("quiet_for", 1h, 0s, 30 * 24h);
  const config::Section parameters = section.section("parameters");
  for (const std::string& name : parameters.keys()) {
    // A count is a whole number, a time a text.
    const std::string value = parameters.text(name, "");
    if (!rules::parse_timespan(value) && (value.empty() || value.size() > 9 || value.find_first_not_of("0123456789") != std::string::npos || value == "0"))
      parameters.report(name, fmt::format("{}: expected a whole number above 0, or {}", name, rules::kTimespanForm));
    else out.parameters.emplace_back(name, value);
  }
  return out;
}

Automation read_automation(const config::Section& section) {
  static constexpr std::array<std::string_view, 2> kKeys{"principal", "rules"};
  section.only(kKeys);
  Automation out{section.text("principal", ""), section.texts("rules", {})};
  if (out.principal.empty()) section.report("principal", "automation names its `principal`: a glob over ARNs without their session, as \"arn:aws:iam::*:role/Deploy*\"");
  return out;
}

void set_parameter(Rule& rule, const std::string& name, const std::string& value) {
  const auto time = rules::parse_timespan(value);
  const std::int64_t number = time ? time->count() : std::strtoll(value.c_str(), nullptr, 10);
  for (rules::Quantity* const quantity : {&rule.correlation->at_least, &rule.correlation->within, &rule.correlation->learn})
    if (quantity->parameter == name) quantity->value = number;
  rule.hash ^= std::hash<std::string>{}(name + "=" + value);
}

/// Whether any rule was meant.
bool apply(const RuleOverride& change, std::vector<Rule>& rules, Diagnostics& errors) {
  bool found = false;
  for (Rule& rule : rules) {
    if (!glob_match(change.rule, rule.id)) continue;
    found = true;
    if (change.enabled) rule.is_enabled = *change.enabled;
    if (change.severity) rule.severity = *change.severity;
    if (change.quiet_for) rule.quiet_for = *change.quiet_for;
    for (const auto& [name, value] : change.parameters) {
      if (rule.correlation && std::find(rule.parameters.begin(), rule.parameters.end(), name) != rule.parameters.end()) set_parameter(rule, name, value);
      else errors.add(change.place, 0, 0, fmt::format("rule {} has no parameter \"{}\"{}", rule.id, printable(name), rule.parameters.empty() ? "" : fmt::format("; it has {}", fmt::join(rule.parameters, ", "))));
    }
  }
  return found;
}

/// A folder of what ships beside the program; empty if it is nowhere.
std::string shipped_folder(const char* name) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  std::vector<fs::path> places{program.parent_path().parent_path() / "share/trailwarden"};
#ifdef TRAILWARDEN_SOURCE_DIR
  places.push_back(fs::path(TRAILWARDEN_SOURCE_DIR) / "models");
#endif
  for (const fs::path& above : places)
    if (fs::is_directory(above / name, error)) return (above / name).string();
  return {};
}

void supersede(PreparedRules& prepared, const std::vector<ConfiguredDetector>& detectors) {
  for (const ConfiguredDetector& detector : detectors) {
    for (Rule& rule : prepared.rules) {
      const auto behaviours = detector.info->behaviours;
      if (!rule.is_enabled || rule.behaviour.empty() || std::find(behaviours.begin(), behaviours.end(), rule.behaviour) == behaviours.end()) continue;
      rule.is_enabled = false;
      prepared.superseded.push_back({rule.id, detector.info->name});
    }
  }
}

}  // namespace

RuleConfig read_rules(const config::Section& section) {
  static constexpr std::array<std::string_view, 7> kKeys{"enabled", "packs", "folders", "keep_going", "overrides", "automation", "placeholders"};
  section.only(kKeys);
  RuleConfig out;
  out.enabled = section.boolean("enabled", out.enabled);
  out.packs = section.texts("packs", out.packs);
  out.folders = section.texts("folders", {});
  out.keep_going = section.boolean("keep_going", out.keep_going);
  for (const config::Section& one : section.sections("overrides")) out.overrides.push_back(read_override(one));
  for (const config::Section& one : section.sections("automation")) out.automation.push_back(read_automation(one));
  const config::Section placeholders = section.section("placeholders");
  for (const std::string& name : placeholders.keys()) {
    out.placeholders[name] = placeholders.texts(name, {});
    if (out.placeholders[name].empty()) placeholders.report(name, fmt::format("{}: a list of the texts that may stand for %{}%", name, printable(name)));
  }
  return out;
}

std::string packs_folder() {
  if (const char* const named = std::getenv("TRAILWARDEN_PACKS")) return named;
  return shipped_folder("rules");
}

rules::ApiNames known_api_names() { return rules::ApiNames::load(shipped_folder("api_names") + "/names.txt").value_or(rules::ApiNames{}); }

std::vector<std::string> rule_folders(const RuleConfig& config, Diagnostics& errors) {
  std::vector<std::string> folders;
  if (!config.enabled) return folders;
  const std::string packs = packs_folder();
  for (const std::string& pack : config.packs) {
    const std::string folder = packs + "/" + pack;
    if (packs.empty() || !fs::is_directory(folder)) errors.add("rules.packs", 0, 0, fmt::format("there is no pack \"{}\" in {}", printable(pack), packs.empty() ? "(no folder of packs was found; TRAILWARDEN_PACKS names one)" : packs));
    else folders.push_back(folder);
  }
  folders.insert(folders.end(), config.folders.begin(), config.folders.end());
  return folders;
}

PreparedRules prepare_rules(const RuleConfig& config, const std::vector<ConfiguredDetector>& detectors) {
  PreparedRules out;
  if (!config.enabled) return out;
  rules::LoadedRules loaded = rules::load_rules(rule_folders(config, out.errors), {.placeholders = config.placeholders});
  (config.keep_going ? out.warnings : out.errors).add(loaded.errors);
  out.warnings.add(loaded.warnings);
  out.rules = std::move(loaded.rules);
  for (const RuleOverride& change : config.overrides)
    if (!apply(change, out.rules, out.errors)) out.errors.add(change.place, 0, 0, fmt::format("overrides: no rule matches \"{}\"", printable(change.rule)));
  supersede(out, detectors);
  return out;
}

std::string to_yaml(const RuleConfig& config) {
  const auto texts = [](const std::vector<std::string>& list) {
    std::vector<std::string> quoted;
    for (const std::string& text : list) quoted.push_back(config::yaml_text(text));
    return fmt::format("[{}]", fmt::join(quoted, ", "));
  };
  std::string out = fmt::format("rules:\n  enabled: {}\n  packs: {}\n  folders: {}\n  keep_going: {}\n", config.enabled, texts(config.packs), texts(config.folders), config.keep_going);
  out += config.overrides.empty() ? "  overrides: []\n" : "  overrides:\n";
  for (const RuleOverride& change : config.overrides) {
    out += fmt::format("    - {{rule: {}", config::yaml_text(change.rule));
    if (change.enabled) out += fmt::format(", enabled: {}", *change.enabled);
    if (change.severity) out += fmt::format(", severity: {}", to_string(*change.severity));
    if (change.quiet_for) out += fmt::format(", quiet_for: {}", config::format_duration(*change.quiet_for));
    if (!change.parameters.empty()) {
      std::vector<std::string> pairs;
      for (const auto& [name, value] : change.parameters) pairs.push_back(fmt::format("{}: {}", name, value));
      out += fmt::format(", parameters: {{{}}}", fmt::join(pairs, ", "));
    }
    out += "}\n";
  }
  out += config.automation.empty() ? "  automation: []\n" : "  automation:\n";
  for (const Automation& one : config.automation) out += fmt::format("    - {{principal: {}, rules: {}}}\n", config::yaml_text(one.principal), texts(one.rules));
  out += config.placeholders.empty() ? "  placeholders: {}\n" : "  placeholders:\n";
  for (const auto& [name, values] : config.placeholders) out += fmt::format("    {}: {}\n", config::yaml_text(name), texts(values));
  return out;
}

}  // namespace trailwarden::detectors
