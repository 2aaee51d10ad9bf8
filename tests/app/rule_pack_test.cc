// The packs that ship: their own tests, and what they say of records that other people labelled.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/rule_preview.h"
#include "app/rule_tests.h"
#include "app/setup.h"
#include "ingest/file_source.h"
#include "rules/api_names.h"
#include "rules/record_paths.h"
#include "rules/rule_folder.h"
#include "testing/record_collector.h"

namespace trailwarden::app {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const std::string kPacks = std::string(TRAILWARDEN_SOURCE_DIR) + "/models/rules/";

TEST(RulePacks, PassTheirOwnTests) {
  const rules::ApiNames names = detectors::known_api_names();
  ASSERT_FALSE(names.empty());
  for (const char* const pack : {"aws", "cis"}) {
    const rules::LoadedRules loaded = rules::load_rules({kPacks + pack}, {.names = &names});
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

/// Every record of files, as JSON.
std::vector<json> records_in(const std::vector<std::string>& paths) {
  auto source = ingest::FileSource::open(paths, {});
  EXPECT_TRUE(source) << source.error().message;
  testing::RecordCollector collector;
  stream::MessageBatch batch;
  while ((*source)->poll(batch).value_or(false))
    for (const stream::Message& message : batch.messages) collector.read(message.value);
  std::vector<json> out;
  for (const auto& found : collector.found)
    if (found.what.starts_with("judged:")) out.push_back(json::parse(found.raw));
  return out;
}

/// Paths below the fixed part of a record that `is_record_path` does not know.
void add_unknown_paths(const json& value, const std::string& path, std::set<std::string>& unknown) {
  if (!path.empty() && !rules::is_record_path(path)) unknown.insert(path);
  if (value.is_array())
    for (const json& element : value) add_unknown_paths(element, path, unknown);
  if (value.is_object())
    for (const auto& [name, below] : value.items()) add_unknown_paths(below, path.empty() ? name : path + "." + name, unknown);
}

TEST(KnownWords, HoldAllThatRecordedTrafficHas) {
  const rules::ApiNames names = detectors::known_api_names();
  std::set<std::string> unknown, unknown_names;
  const std::vector<json> records = records_in({std::string(TRAILWARDEN_SOURCE_DIR) + "/tests/data/records"});
  EXPECT_GT(records.size(), 1'000U);
  for (const json& record : records) {
    add_unknown_paths(record, {}, unknown);
    const std::string source = record.value("eventSource", ""), name(rules::without_version(record.value("eventName", "")));
    const std::vector<std::string>& known = names.names_of(source);
    if (!names.has_source(source) || (!known.empty() && !std::binary_search(known.begin(), known.end(), name))) unknown_names.insert(source + " " + name);
  }
  EXPECT_THAT(unknown, ::testing::IsEmpty());
  EXPECT_THAT(unknown_names, ::testing::IsEmpty());
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

TEST(RulePacks, LeaveRootsSignInToItsDetector) {
  std::vector<std::string> said;
  for (const json& finding : findings_in({std::string(TRAILWARDEN_SOURCE_DIR) + "/tests/data/records/sentry/root_account_used.json"})) said.push_back(finding["what"]);
  EXPECT_THAT(said, ::testing::ElementsAre("sign_in_without_mfa"));
}

}  // namespace
}  // namespace trailwarden::app
