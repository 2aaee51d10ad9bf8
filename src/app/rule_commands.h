#pragma once

#include <string>
#include <vector>

namespace trailwarden::app {

/// The command line of `trailwarden rules ...`. Every command: 0 fine, 1 the work failed or something is not as it should be, 2 wrong usage.
struct RuleArguments {
  std::vector<std::string> paths;  // folders or files of rules; of `try` and `hidden`: records
  std::vector<std::string> rule_folders;  // of `try`: in place of the configuration's
  std::string config, rule, event, junit, navigator;
  bool as_json = false, keep_going = false;
};

int check_rules(const RuleArguments& arguments);
int test_rules(const RuleArguments& arguments);
int list_rules(const RuleArguments& arguments);
int cover_rules(const RuleArguments& arguments);
int explain_rule(const RuleArguments& arguments);
int try_rule(const RuleArguments& arguments);
int hidden_findings(const RuleArguments& arguments);

}  // namespace trailwarden::app
