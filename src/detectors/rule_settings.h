#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/section.h"
#include "core/diagnostics.h"
#include "detectors/detector.h"
#include "detectors/rules.h"
#include "rules/api_names.h"
#include "rules/rule.h"

namespace trailwarden::detectors {

/// What the configuration changes of rules whose id a glob matches; later ones win.
struct RuleOverride {
  std::string rule;  // glob
  std::optional<bool> enabled;
  std::optional<event::Severity> severity;
  std::optional<std::chrono::seconds> quiet_for;
  std::vector<std::pair<std::string, std::string>> parameters;  // name, value as written
  std::string place;
};

/// `rules:` of the configuration.
struct RuleConfig {
  bool enabled = true;
  std::vector<std::string> packs{"aws"};  // of those that ship: folders of `packs_folder()`
  std::vector<std::string> folders;       // of one's own; of both languages
  bool keep_going = false;                // rules with errors are left out, and said; else they are errors of the configuration
  std::vector<RuleOverride> overrides;
  std::vector<Automation> automation;
  std::map<std::string, std::vector<std::string>, std::less<>> placeholders;  // `%name%` of Sigma's `expand`: what stands for it
};

/// Reads `rules:`; what is wrong goes to the section's diagnostics.
RuleConfig read_rules(const config::Section& section);

/// Where the packs are that ship: TRAILWARDEN_PACKS, else share/trailwarden/rules beside the program's bin/, else models/rules of the source tree (not in packages). Empty if nowhere.
std::string packs_folder();

/// CloudTrail's event names, for checks of rules: share/trailwarden/api_names or models/api_names likewise. None where the file is nowhere, which is no error.
rules::ApiNames known_api_names();

/// The rules of a configuration: loaded, changed as it wants, and without those that an enabled detector supersedes.
struct PreparedRules {
  std::vector<rules::Rule> rules;   // also those that are not enabled
  Diagnostics errors, warnings;
  struct Superseded {
    std::string rule;
    std::string_view detector;
  };
  std::vector<Superseded> superseded;
};
/// The folders that a configuration's rules stand in: those of its packs, and its own. A pack that is not there is an error.
std::vector<std::string> rule_folders(const RuleConfig& config, Diagnostics& errors);

PreparedRules prepare_rules(const RuleConfig& config, const std::vector<ConfiguredDetector>& detectors);

/// `rules:` as YAML, and what was loaded as a hash, for `config show` and the fingerprint of a configuration.
std::string to_yaml(const RuleConfig& config);

}  // namespace trailwarden::detectors
