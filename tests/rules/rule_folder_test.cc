#include "rules/rule_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace trailwarden::rules {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string ids_of(const std::vector<Rule>& rules) {
  std::string out;
  for (const Rule& rule : rules) out += (out.empty() ? "" : " ") + rule.id;
  return out;
}

constexpr std::string_view kStop = "title: Trail stopped\nname: trail_stopped\nlogsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: StopLogging}, condition: s}\n";
constexpr std::string_view kDelete = "title: Trail deleted\nname: trail_deleted\ndetection: {s: {eventName: DeleteTrail}, condition: s}\n";

TEST(RuleFolder, TakesBothLanguagesAndSeveralDocumentsAFile) {
  const testing::TempDir folder;
  folder.write("own.yaml",
               "id: a.own\ntitle: T\nsentence: s.\nseverity: low\npattern: {eventName: [X]}\ntests: [{name: y, event: {eventName: X}, expect: match}, {name: n, event: {eventName: Y}, expect: nomatch}]\n---\n" +
                   std::string(kStop));
  folder.write("deep/er/rest.yml", std::string(kDelete) + "---\ntitle: W\nlogsource: {product: windows}\ndetection: {s: {a: b}, condition: s}\n---\n" +
                                       "title: C\nname: c\ncorrelation: {type: temporal, rules: [trail_stopped, trail_deleted], timespan: 10m}\n---\n" +
                                       "title: F\nfilter: {rules: [trail_stopped], s: {awsRegion: x}, condition: not s}\n---\ntitle: Bad\ndetection: {s: {\"a|contians\": b}, condition: s}\n");
  const LoadedRules loaded = load_rules({folder.path()});
  EXPECT_EQ(ids_of(loaded.rules), "a.own c");
  EXPECT_THAT(loaded.errors.lines(), ElementsAre(HasSubstr("did you mean \"contains\"")));
  EXPECT_THAT(loaded.warnings.lines(), ElementsAre(HasSubstr("left out: its log source is windows, not aws cloudtrail")));
  EXPECT_EQ(loaded.sigma.rules, 2U);
  EXPECT_EQ(loaded.sigma.correlations, 1U);
  EXPECT_EQ(loaded.sigma.filters, 1U);
  EXPECT_EQ(loaded.sigma.skipped, 1U);
  EXPECT_EQ(loaded.sigma.refused, 1U);
}

/// As Kubernetes mounts a ConfigMap.
TEST(RuleFolder, WhatIsHiddenIsNoRule) {
  const testing::TempDir folder;
  const std::string real = folder.write("rules/..2024_01_01/stop.yml", kStop);
  std::filesystem::create_symlink(real, folder.path("rules/stop.yml"));
  folder.write("rules/.github/delete.yml", kDelete);
  folder.write("rules/.draft.yml", kDelete);
  const LoadedRules loaded = load_rules({folder.path("rules")});
  EXPECT_THAT(loaded.errors.lines(), IsEmpty());
  EXPECT_EQ(ids_of(loaded.rules), "trail_stopped");
}

TEST(RuleFolder, OfTwoRulesWithOneIdTheSecondIsLeftOut) {
  const testing::TempDir folder;
  folder.write("a.yml", "title: Same\nlevel: low\ndetection: {s: {eventName: X}, condition: s}\n");
  folder.write("b.yml", "title: Same\nlevel: high\ndetection: {s: {eventName: Y}, condition: s}\n");
  const LoadedRules loaded = load_rules({folder.path()});
  ASSERT_THAT(loaded.rules, SizeIs(1));
  EXPECT_EQ(loaded.rules[0].severity, event::Severity::kLow);
  EXPECT_THAT(loaded.errors.lines(), ElementsAre(AllOf(HasSubstr("b.yml:1:1: id Same: there is a rule of that name in"), HasSubstr("a.yml:1 already"))));
}

TEST(RuleFolder, ARuleMayHaveItsConditionInASigmaFile) {
  const testing::TempDir folder;
  folder.write("rules/own.yaml",
               "id: a.own\ntitle: T\nsentence: s.\nseverity: low\nsigma: {file: ../conditions/stop.yml}\n"
               "tests: [{name: y, event: {eventName: StopLogging}, expect: match}, {name: n, event: {eventName: Y}, expect: nomatch}]\n");
  EXPECT_THAT(load_rules({folder.path() + "/rules"}).errors.lines(), ElementsAre(HasSubstr("own.yaml:5:15: sigma: ")));
  folder.write("conditions/stop.yml", std::string(kStop));
  const LoadedRules loaded = load_rules({folder.path() + "/rules"});
  EXPECT_THAT(loaded.errors.lines(), IsEmpty());
  ASSERT_THAT(loaded.rules, SizeIs(1));
  EXPECT_EQ(loaded.rules[0].pattern, load_rules({folder.path() + "/conditions"}).rules.at(0).pattern);
  folder.write("conditions/stop.yml", "title: T\ndetection: {s: {\"a|contians\": b}, condition: s}\n");
  EXPECT_THAT(load_rules({folder.path() + "/rules"}).errors.lines(), ElementsAre(HasSubstr("stop.yml:2:")));
}

}  // namespace
}  // namespace trailwarden::rules
