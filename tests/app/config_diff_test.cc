#include "app/config_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/commands.h"
#include "config/flat_yaml.h"
#include "testing/command.h"
#include "testing/read_file.h"
#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ConfigDiff : public ::testing::Test {
 protected:
  app::Setup read(const std::string& rest) {
    auto loaded = load_setup(folder_.write("c.yaml", "version: 1\n" + rest));
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
    return *std::move(loaded);
  }
  std::vector<ConfigChange> changes(const std::string& before, const std::string& after) { return changes_between(read(before), read(after)); }
  std::vector<std::string> in_short(const std::string& before, const std::string& after) {
    std::vector<std::string> out;
    for (const ConfigChange& change : changes(before, after)) {
      EXPECT_THAT(change.meaning, Not(IsEmpty())) << change.key;
      out.push_back(change.key + ": " + change.before + " -> " + change.after + (change.needs_restart ? " (restart)" : ""));
    }
    return out;
  }

  testing::TempDir folder_;
};

TEST_F(ConfigDiff, ADefaultThatIsWrittenOutIsNoDifference) {
  EXPECT_THAT(in_short("", "insights: {false_insights_per_week: 1}\ntime: {lateness: 900s}\nsuppressions: []\n"), IsEmpty());
}

TEST_F(ConfigDiff, SaysWhichWayAThresholdGoes) {
  const auto more = changes("", "insights: {false_insights_per_week: 7}\n"), less = changes("", "insights: {false_insights_per_week: 0.5}\n");
  ASSERT_EQ(more.size(), 1U);
  EXPECT_THAT(more[0].meaning, HasSubstr("more Insights"));
  EXPECT_FALSE(more[0].needs_restart);
  EXPECT_THAT(less[0].meaning, HasSubstr("fewer Insights"));
  EXPECT_THAT(changes("", "insights: {warm_up: 12h}\n")[0].meaning, HasSubstr("earlier")) << "12 hours are less than 3 days";
}

TEST_F(ConfigDiff, EntriesOfListsGoByTheirNames) {
  const std::string one = "suppressions:\n  - {name: a, rules: [x], reason: r, owner: o, expires: 2099-01-01}\n";
  const std::string two = one + "  - {name: b, rules: [y], reason: r, owner: o, expires: 2099-01-01}\n";
  EXPECT_THAT(in_short(one, two), ElementsAre("suppressions[b]:  -> name: b, rules: [y], reason: r, owner: o, expires: 2099-01-01T00:00:00Z"));
  EXPECT_THAT(in_short(two, one).at(0), HasSubstr("suppressions[b]: name: b, rules: [y]"));
  EXPECT_THAT(in_short(one, "suppressions:\n  - {name: a, rules: [x], reason: better, owner: o, expires: 2099-01-01}\n"), ElementsAre("suppressions[a].reason: r -> better"));
}

TEST_F(ConfigDiff, TheOrderOfScopesIsADifferenceForTheFirstCounts) {
  const std::string iam = "{event_source: iam.amazonaws.com, budget: 3}", create = "{event_name: \"Create*\", budget: 2}";
  EXPECT_THAT(in_short("insights: {scopes: [" + iam + ", " + create + "]}\n", "insights: {scopes: [" + create + ", " + iam + "]}\n"),
              ElementsAre("insights.scopes: [event_source=iam.amazonaws.com, event_name=Create*] -> [event_name=Create*, event_source=iam.amazonaws.com]"));
  EXPECT_THAT(in_short("insights: {scopes: [" + iam + "]}\n", "insights: {scopes: [{event_source: iam.amazonaws.com, budget: 1}]}\n"), ElementsAre("insights.scopes[event_source=iam.amazonaws.com].budget: 3 -> 1"));
}

TEST_F(ConfigDiff, SaysWhatWantsARestart) {
  EXPECT_THAT(in_short("", "time: {lateness: 30m}\nlog: {level: debug}\n"), ElementsAre("time.lateness: 15m -> 30m (restart)", "log.level: info -> debug"));
}

TEST_F(ConfigDiff, NamesRulesThatComeGoAndChange) {
  const RuleChange gone = rule_change(read(""), read("rules: {packs: []}\n")), louder = rule_change(read(""), read("rules: {overrides: [{rule: aws.iam.user_created, severity: critical}]}\n"));
  EXPECT_GT(gone.removed.size(), 150U);
  EXPECT_THAT(louder.changed, ElementsAre("aws.iam.user_created"));
}

TEST_F(ConfigDiff, ACheckWarnsOfSinksThatNobodyServes) {
  const std::string sinks = "notifications: {sinks: [{name: chat, type: slack, url_file: /s/hook}]}\n";
  const testing::Said idle = testing::run(check_config, folder_.write("a.yaml", "version: 1\n" + sinks), std::string());
  EXPECT_EQ(idle.code, 0);
  EXPECT_THAT(idle.err, HasSubstr("roles do not have notifier"));
  EXPECT_THAT(testing::run(check_config, folder_.write("b.yaml", "version: 1\nroles: [detector, notifier]\n" + sinks), std::string()).err, IsEmpty());
}

/// What cannot be said in words is a key that was added and forgotten here.
TEST_F(ConfigDiff, EveryKeyHasAMeaning) {
  for (const std::string& text : {to_yaml(read("")), to_yaml(read("kafka: {brokers: \"127.0.0.1:9092\", instance: a, input: [{topic: cloudtrail}]}\n"))})
    for (const config::FlatValue& value : config::flat_yaml(text)) EXPECT_THAT(meaning_of(value.key, value.value, "other"), Not(IsEmpty())) << value.key;
}

}  // namespace
}  // namespace trailwarden::app
