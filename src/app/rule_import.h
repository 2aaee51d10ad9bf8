#pragma once

#include <string>
#include <vector>

namespace trailwarden::app {

/// The command line of `trailwarden rules import`.
struct RuleImportArguments {
  std::vector<std::string> folders;  // or files, of Sigma rules
  std::string config{};              // whose `rules.placeholders` hold
  bool as_json = false;
};

/// Says of Sigma files what would load from a folder of the configuration, and what would not and why. 0: something would; 1: nothing would.
int import_rules(const RuleImportArguments& arguments);

}  // namespace trailwarden::app
