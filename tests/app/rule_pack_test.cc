// The packs that ship: their own tests, and what they say of records that other people labelled.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/rule_preview.h"
#include "app/rule_tests.h"
#include "app/setup.h"
#include "rules/rule_folder.h"

namespace trailwarden::app {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const std::string kPacks = std::string(TRAILWARDEN_SOURCE_DIR) + "/models/rules/";

TEST(RulePacks, PassTheirOwnTests) {
  for (const char* const pack : {"aws", "cis"}) {
    const rules::LoadedRules loaded = rules::load_rules({kPacks + pack});
    EXPECT_TRUE(loaded.errors.empty()) << loaded.errors.lines().front();
    EXPECT_TRUE(loaded.warnings.empty()) << loaded.warnings.lines().front();
    EXPECT_GT(loaded.rules.size(), 10U);
    for (const RuleTestOutcome& outcome : run_rule_tests(loaded.rules))
      EXPECT_EQ(outcome.failure, "") << outcome.file << ":" << outcome.place.line << ": " << outcome.rule << ": " << outcome.test;
  }
}

TEST(RulePacks, EveryRuleHasTwoTestsOfEitherKind) {
  for (const rules::Rule& rule : rules::load_rules({kPacks + "aws"}).rules) {
    const auto fires = std::count_if(rule.tests.begin(), rule.tests.end(), [](const rules::RuleTest& test) { return test.findings > 0; });
    EXPECT_GE(fires, 2) << rule.id;
    EXPECT_GE(std::ssize(rule.tests) - fires, 2) << rule.id;
    EXPECT_FALSE(rule.attack.empty()) << rule.id;
    EXPECT_FALSE(rule.false_positives.empty()) << rule.id;
  }
}

/// Findings of the default configuration, without Insights, as (deciding record, behaviour or rule or detector.what).
std::vector<json> findings_in(const std::vector<std::string>& paths) {
  auto setup = load_setup("");
  EXPECT_TRUE(setup) << setup.error().message;
  setup->insights.enabled = false;
  const auto preview = preview_of(*setup, paths);
  EXPECT_TRUE(preview) << preview.error().message;
  std::vector<json> out;
  for (const std::string& alert : preview->alerts)
    if (json detail = json::parse(alert)["detail"]; detail["kind"] == "finding") out.push_back(std::move(detail));
  return out;
}

TEST(RulePacks, SeeEveryDetonationOfStratus) {
  const fs::path folder = fs::path(TRAILWARDEN_SHARED_DIR) / "data/labelled/stratus";
  if (!fs::is_directory(folder)) GTEST_SKIP() << folder << " is not there";
  std::size_t detonations = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    ++detonations;
    EXPECT_FALSE(findings_in({entry.path().string()}).empty()) << entry.path();
  }
  EXPECT_GE(detonations, 20U);
}

TEST(RulePacks, TellOfABehaviourOnceARecord) {
  const fs::path folder = fs::path(TRAILWARDEN_SHARED_DIR) / "data/labelled";
  if (!fs::is_directory(folder)) GTEST_SKIP() << folder << " is not there";
  std::map<std::string, std::string> behaviour_of;
  for (const rules::Rule& rule : rules::load_rules({kPacks + "aws"}).rules) behaviour_of[rule.id] = rule.behaviour;
  std::map<std::pair<std::string, std::string>, std::set<std::string>> tellers;
  for (const char* const set : {"stratus", "sentry"})
    for (const json& finding : findings_in({(folder / set).string()})) {
      const std::string what = finding["what"], behaviour = behaviour_of.contains(what) ? behaviour_of[what] : finding["detector"].get<std::string>() + "." + what;
      if (finding["records"].empty()) continue;
      tellers[{finding["records"].back().value("eventID", ""), behaviour}].insert(what);
    }
  EXPECT_GT(tellers.size(), 20U);
  for (const auto& [of, rules] : tellers) EXPECT_EQ(rules.size(), 1U) << "record " << of.first << ", behaviour " << of.second << ": " << *rules.begin() << " and " << *rules.rbegin();
}

}  // namespace
}  // namespace trailwarden::app
