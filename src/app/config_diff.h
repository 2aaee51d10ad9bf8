#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/setup.h"

namespace trailwarden::app {

/// One thing that two configurations say differently.
struct ConfigChange {
  std::string key;            // as `config::FlatValue`
  std::string before, after;  // as YAML on one line; empty: it is not there
  std::string meaning;        // what that does, in words
  bool needs_restart = false; // a service that runs does not take it when it reads its configuration anew
  bool operator==(const ConfigChange&) const = default;
};

/// Rules that are on, by id: what came, went, and asks for something else than before.
struct RuleChange {
  std::vector<std::string> added, removed, changed;
  bool empty() const { return added.empty() && removed.empty() && changed.empty(); }
};
RuleChange rule_change(const Setup& before, const Setup& after);

/// All keys whose effective values differ, in the order of `config show`, those that are gone last. An entry that is added to a list, or removed, is one change. Defaults count as written.
std::vector<ConfigChange> changes_between(const Setup& before, const Setup& after);

/// What a key governs, and what its change does; `before`, `after` as above. Never empty for a key of `config show`.
std::string meaning_of(std::string_view key, std::string_view before, std::string_view after);

/// Whether a service takes it when it reads its configuration anew.
bool is_live(std::string_view key);

/// The command line of `trailwarden config diff`.
struct ConfigDiffArguments {
  std::string before, after;
  bool as_json = false;
};

/// `trailwarden config diff`: an exit code.
int diff_configs(const ConfigDiffArguments& arguments);

}  // namespace trailwarden::app
