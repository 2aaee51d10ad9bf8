#include "rules/sigma_to_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/rule_book.h"

namespace trailwarden::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<Rule> rules_in(std::string_view yaml) {
  SigmaLoader loader({});
  loader.add(yaml, "s.yml");
  const SigmaPack pack = std::move(loader).finish();
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  return rules_of(pack);
}

std::string ids_of(const std::vector<Rule>& rules) {
  std::string out;
  for (const Rule& rule : rules) out += (out.empty() ? "" : " ") + rule.id;
  return out;
}

constexpr std::string_view kStop = R"(title: Trail {one} stopped.
id: 11111111-aaaa-4aaa-8aaa-111111111111
name: trail_stopped
status: experimental
level: high
tags: [attack.defense-evasion, attack.t1562.008]
falsepositives: [Maintenance]
references: [https://example.com]
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: StopLogging}, condition: s}
)";
constexpr std::string_view kDelete = "title: Trail deleted\nname: trail_deleted\ndetection: {s: {eventName: DeleteTrail}, condition: s}\n";

TEST(SigmaToRules, TheHeadBecomesTheRules) {
  const auto rules = rules_in(kStop);
  ASSERT_THAT(rules, SizeIs(1));
  const Rule& rule = rules[0];
  EXPECT_EQ(rule.id, "11111111-aaaa-4aaa-8aaa-111111111111");
  EXPECT_EQ(rule.title, "Trail {one} stopped.");
  EXPECT_EQ(rule.severity, event::Severity::kHigh);
  EXPECT_THAT(rule.attack, ElementsAre("T1562.008"));
  EXPECT_THAT(rule.false_positives, ElementsAre("Maintenance"));
  EXPECT_EQ(rule.when, When::kAny) << "Sigma rules ask for errors themselves";
  EXPECT_EQ(rule.refused, std::nullopt);
  EXPECT_TRUE(rule.is_enabled) << "named by a folder of the configuration, experimental or not";
  EXPECT_EQ(rule.sentence.fill([](std::string_view field) { return field == "errorCode" ? std::nullopt : std::optional<std::string>(field); }),
            "principal called service eventName (no error): Trail {one} stopped.");
}

struct IdCase {
  const char* name;
  const char* head;
  const char* id;
};
void PrintTo(const IdCase& c, std::ostream* out) { *out << c.head; }

class SigmaIds : public ::testing::TestWithParam<IdCase> {};

TEST_P(SigmaIds, AreOneWord) {
  const auto rules = rules_in(std::string(GetParam().head) + "\ndetection: {s: {eventName: X}, condition: s}\n");
  ASSERT_THAT(rules, SizeIs(1));
  EXPECT_EQ(rules[0].id, GetParam().id);
  EXPECT_EQ(rules[0].severity, event::Severity::kMedium) << "without a level";
}

INSTANTIATE_TEST_SUITE_P(Heads, SigmaIds,
                         ::testing::Values(IdCase{"Id", "title: A\nname: b\nid: c-1", "c-1"}, IdCase{"Name", "title: A\nname: b_c", "b_c"},
                                           IdCase{"Title", "title: \"Root: used, again!\"", "Root_used_again"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(SigmaToRules, ATitleWithoutALetterOfAnIdHasOneAllTheSame) {
  const auto rules = rules_in("title: \"\xE6\x97\xA5\"\ndetection: {s: {eventName: X}, condition: s}\n");
  ASSERT_THAT(rules, SizeIs(1));
  EXPECT_THAT(rules[0].id, ::testing::MatchesRegex("sigma\\.[0-9a-f]{16}"));
}

TEST(SigmaToRules, WhatIsDeprecatedIsOffUntilItIsEnabled) {
  EXPECT_FALSE(rules_in("title: A\nstatus: deprecated\ndetection: {s: {eventName: X}, condition: s}\n").at(0).is_enabled);
  EXPECT_TRUE(rules_in("title: A\nstatus: unsupported\ndetection: {s: {eventName: X}, condition: s | count() > 3, timeframe: 5m}\n").at(0).is_enabled);
}

std::string both(std::string_view correlation) { return std::string(kStop) + "---\n" + std::string(kDelete) + "---\n" + std::string(correlation); }

TEST(SigmaToRules, OnlyWhatReportsIsARule) {
  constexpr std::string_view kHead = "title: C\nname: c\ncorrelation: {type: temporal, rules: [trail_stopped, trail_deleted], timespan: 10m, group-by: [awsRegion]";
  EXPECT_EQ(ids_of(rules_in(both(std::string(kHead) + "}\n"))), "c");
  EXPECT_EQ(ids_of(rules_in(both(std::string(kHead) + ", generate: true}\n"))), "11111111-aaaa-4aaa-8aaa-111111111111 trail_deleted c");
}

constexpr std::string_view kNested = R"(title: Inner
name: inner
correlation: {type: event_count, rules: [trail_stopped], timespan: 10m, group-by: [awsRegion], condition: {gte: 2}}
---
title: Outer
name: outer
correlation: {type: temporal_ordered, rules: [inner, trail_deleted], timespan: 1h, group-by: [awsRegion]}
)";

TEST(SigmaToRules, ACorrelationHoldsAllThatItRestsOn) {
  const auto rules = rules_in(both(kNested));
  ASSERT_EQ(ids_of(rules), "outer") << "the inner one reports only to it";
  const RuleCorrelation& correlation = *rules[0].correlation;
  ASSERT_THAT(correlation.chain, SizeIs(2));
  ASSERT_THAT(correlation.steps, SizeIs(2));
  EXPECT_EQ(correlation.chain[0].id, "Inner");
  EXPECT_EQ(correlation.chain[1].id, "Outer");
  EXPECT_EQ(correlation.steps[correlation.chain[0].sources[0].index].name, "Trail {one} stopped.");
  EXPECT_TRUE(correlation.chain[1].sources[0].is_correlation);
  EXPECT_EQ(correlation.steps[correlation.chain[1].sources[1].index].name, "Trail deleted");
  EXPECT_EQ(correlation.within.value, 3600);
  const auto book = RuleBook::compile(rules);
  ASSERT_TRUE(book) << book.error().message;
  EXPECT_EQ((*book)->correlations(0).size(), 2U);
}

/// Its saved state is for the same rule alone: a hash says which that is.
TEST(SigmaToRules, TheHashIsOfAllThatItRestsOnAndOfNothingElse) {
  const auto hash = [](std::string yaml, std::string_view what, std::string_view by) {
    if (!what.empty()) yaml.replace(yaml.find(what), what.size(), by);
    return rules_in(yaml).back().hash;
  };
  const std::string yaml = both(kNested);
  const std::uint64_t as_it_is = hash(yaml, "", "");
  EXPECT_EQ(hash(yaml, "Trail deleted", "Trail is gone"), as_it_is);
  EXPECT_EQ(hash("# a remark\n" + yaml, "", ""), as_it_is);
  EXPECT_NE(hash(yaml, "eventName: StopLogging", "eventName: UpdateTrail"), as_it_is);
  EXPECT_NE(hash(yaml, "gte: 2", "gte: 3"), as_it_is);
  EXPECT_NE(hash(yaml, "timespan: 1h", "timespan: 2h"), as_it_is);
  EXPECT_NE(hash(yaml + "---\ntitle: F\nfilter: {rules: [trail_deleted], s: {awsRegion: x}, condition: not s}\n", "", ""), as_it_is);
}

}  // namespace
}  // namespace trailwarden::rules
