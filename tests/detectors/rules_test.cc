#include "detectors/rules.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "event/decoder.h"
#include "event/forgotten_principal.h"
#include "rules/rule_file.h"
#include "rules/sigma_to_rules.h"
#include "rules/test_record.h"

namespace trailwarden::detectors {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Collect final : public event::Emit {
 public:
  void operator()(event::Finding finding) override { findings.push_back(std::move(finding)); }
  std::vector<event::Finding> findings;
};

std::shared_ptr<const RuleSettings> settings_of(const std::string& body, std::vector<Automation> automation = {}) {
  rules::FileReport report{"f.yaml", {}, {}};
  auto read = rules::read_rule_file("id: a.b\ntitle: Thing\nsentence: \"{principal} did {requestParameters.x|something}, {count} times.\"\nseverity: high\n" + body, report);
  EXPECT_TRUE(report.errors.empty()) << report.errors.lines().front();
  return std::make_shared<RuleSettings>(RuleSettings{rules::RuleBook::compile(std::move(read)).value(), std::move(automation)});
}

/// One cell's rules, fed with records of which a test says what matters.
class Cell {
 public:
  explicit Cell(std::shared_ptr<const RuleSettings> settings) : rules_(std::move(settings)) {}

  /// What comes of a record `minute` minutes after the first.
  std::vector<event::Finding> observe(std::int64_t minute, std::string_view members) {
    const std::string record = rules::complete_record(members, static_cast<std::size_t>(minute) + 1, minute * 60).value();
    std::string padded = record + std::string(event::kPadding, ' ');
    event::CloudTrailEvent event;
    EXPECT_EQ(decoder_.decode(std::string_view(padded).substr(0, record.size()), arena_, event), event::Refusal::kNone);
    Collect collect;
    if (rules_.wants(event)) rules_.observe(event, collect);
    return std::move(collect.findings);
  }
  std::string saved() const {
    ByteWriter out;
    rules_.save(out);
    return std::move(out).bytes();
  }
  Result<void> load(std::string_view bytes) {
    ByteReader in(bytes);
    return rules_.load(in).and_then([&] { return in.finish(); });
  }
  Rules& rules() { return rules_; }

 private:
  Rules rules_;
  event::Decoder decoder_;
  event::Arena arena_;
};

constexpr std::string_view kCreate = R"({"eventSource":"iam.amazonaws.com","eventName":"CreateUser","requestParameters":{"x":"bob"}})";
constexpr std::string_view kRefused = R"({"eventSource":"iam.amazonaws.com","eventName":"CreateUser","errorCode":"AccessDenied"})";
constexpr std::string_view kFailed = R"({"eventSource":"iam.amazonaws.com","eventName":"CreateUser","errorCode":"EntityAlreadyExists"})";

TEST(Rules, TellOfWhatWorkedAndLowOfWhatWasRefused) {
  Cell cell(settings_of("pattern: {eventName: [CreateUser]}\nentity: requestParameters.x\nenrich: [awsRegion]\nquiet_for: 2h\n"));
  const auto worked = cell.observe(0, kCreate);
  ASSERT_EQ(worked.size(), 1U);
  EXPECT_EQ(worked[0].detector, "rules");
  EXPECT_EQ(worked[0].what, "a.b");
  EXPECT_EQ(worked[0].severity, event::Severity::kHigh);
  EXPECT_EQ(worked[0].entity, "bob");
  EXPECT_THAT(worked[0].sentence, HasSubstr("user alice did bob"));
  EXPECT_EQ(worked[0].quiet_for, std::chrono::hours{2});
  EXPECT_THAT(worked[0].fields, ElementsAre(std::pair<std::string, std::string>("awsRegion", "us-east-1")));
  const auto refused = cell.observe(1, kRefused);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].severity, event::Severity::kLow);
  EXPECT_EQ(refused[0].title, "Thing (refused)");
  EXPECT_TRUE(cell.observe(2, kFailed).empty());
}

TEST(Rules, ARecordThatAnExceptionMatchesIsNoMatch) {
  Cell cell(settings_of("pattern: {eventName: [CreateUser]}\nunless: [{requestParameters: {x: [bob]}}]\n"));
  EXPECT_TRUE(cell.observe(0, kCreate).empty());
  EXPECT_EQ(cell.observe(1, R"({"eventName":"CreateUser","requestParameters":{"x":"carol"}})").size(), 1U);
}

constexpr std::string_view kCount = "pattern: {eventName: [CreateUser]}\ncorrelate: {count: {at_least: 3, within: 10m, by: [principal]}}\n";

TEST(Rules, CountGoesOnAfterARestart) {
  const auto settings = settings_of(std::string(kCount));
  Cell whole(settings), before(settings), after(settings);
  for (Cell* const cell : {&whole, &before})
    for (const int minute : {0, 4}) EXPECT_TRUE(cell->observe(minute, kCreate).empty());
  ASSERT_TRUE(after.load(before.saved()));
  EXPECT_EQ(after.saved(), before.saved());
  const auto told = after.observe(8, kCreate), expected = whole.observe(8, kCreate);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told[0].sentence, HasSubstr("3 times"));
  EXPECT_EQ(told[0].related_event_ids.size(), 2U);
  ASSERT_EQ(expected.size(), 1U);
  EXPECT_EQ(told[0].sentence, expected[0].sentence);
}

constexpr std::string_view kCreateByBob =
    R"({"eventSource":"iam.amazonaws.com","eventName":"CreateUser","userIdentity":{"userName":"bob"}})";

TEST(Rules, ForgetsWhatItCountedOfSomebodyAndOfNobodyElse) {
  Cell cell(settings_of(std::string(kCount)));
  for (const int minute : {0, 1}) {
    cell.observe(minute, kCreate);
    cell.observe(minute + 2, kCreateByBob);
  }
  ASSERT_EQ(cell.rules().correlations().size(), 1U);
  EXPECT_EQ(cell.rules().correlations()[0].first, "a.b");
  EXPECT_EQ(cell.rules().correlations()[0].second.groups, 2U);
  const auto alice = event::ForgottenPrincipal::of("arn:aws:iam::111111111111:user/alice").value();
  EXPECT_EQ(cell.rules().forget(alice, "111111111111"), 1U);
  EXPECT_THAT(cell.saved(), AllOf(Not(HasSubstr("alice")), HasSubstr("user/bob")));
  EXPECT_TRUE(cell.observe(5, kCreate).empty());
  EXPECT_EQ(cell.observe(6, kCreateByBob).size(), 1U);
}

TEST(Rules, ForgetsValuesThatNameSomebody) {
  Cell cell(settings_of("pattern: {eventName: [CreateUser]}\ncorrelate: {distinct: {of: [userIdentity.arn], at_least: 3, within: 10m, by: [account]}}\n"));
  cell.observe(0, kCreate);
  cell.observe(1, kCreateByBob);
  const auto alice = event::ForgottenPrincipal::of("arn:aws:iam::111111111111:user/alice").value();
  EXPECT_EQ(cell.rules().forget(alice, "111111111111"), 1U);
  EXPECT_THAT(cell.saved(), AllOf(Not(HasSubstr("alice")), HasSubstr("user/bob")));
}

TEST(Rules, AnotherRuleOfTheSameNameBeginsAfresh) {
  Cell before(settings_of(std::string(kCount))), after(settings_of("pattern: {eventName: [CreateUser]}\ncorrelate: {count: {at_least: 3, within: 20m, by: [principal]}}\n"));
  before.observe(0, kCreate);
  before.observe(1, kCreate);
  ASSERT_TRUE(after.load(before.saved()));
  EXPECT_TRUE(after.observe(2, kCreate).empty()) << "it counts from one";
}

TEST(Rules, DamagedStateIsRefused) {
  const auto settings = settings_of(std::string(kCount));
  Cell before(settings), after(settings);
  before.observe(0, kCreate);
  const std::string state = before.saved();
  EXPECT_FALSE(after.load(std::string_view(state).substr(0, state.size() - 3)));
}

TEST(Rules, WhatIsNewIsToldOfOnceTheCellIsKnown) {
  Cell cell(settings_of("pattern: {eventName: [CreateUser]}\ncorrelate: {first_seen: {of: [requestParameters.x], by: [principal], learn: 2d}}\n"));
  EXPECT_TRUE(cell.observe(0, kCreate).empty()) << "learning";
  EXPECT_TRUE(cell.observe(3 * 1440, kCreate).empty()) << "known";
  EXPECT_EQ(cell.observe(3 * 1440 + 1, R"({"eventName":"CreateUser","requestParameters":{"x":"new"}})").size(), 1U);
  EXPECT_TRUE(cell.observe(3 * 1440 + 2, R"({"eventName":"CreateUser","requestParameters":{"x":"new"}})").empty());
}

/// Else it would tell of everything that others have long been doing.
TEST(Rules, ARuleOfWhatIsNewThatComesLaterLearnsFirst) {
  constexpr std::string_view kOther = R"({"eventName":"CreateUser","requestParameters":{"x":"new"}})";
  Cell before(settings_of("pattern: {eventName: [CreateUser]}\n"));
  for (int day = 0; day < 10; ++day) before.observe(day * 1440, kCreate);
  Collect none;
  const std::int64_t now = 10 * 1440;
  before.rules().advance(*parse_event_time("2026-01-15T09:00:00Z"), none);
  const auto settings = settings_of("pattern: {eventName: [CreateUser]}\ncorrelate: {first_seen: {of: [requestParameters.x], by: [principal], learn: 2d}}\n");
  Cell cell(settings), again(settings);
  ASSERT_TRUE(cell.load(before.saved()));
  EXPECT_TRUE(cell.observe(now + 60, kCreate).empty()) << "learning";
  ASSERT_TRUE(again.load(cell.saved()));
  EXPECT_TRUE(again.observe(now + 1440, kOther).empty()) << "still, after a restart too";
  EXPECT_EQ(again.observe(now + 3 * 1440, R"({"eventName":"CreateUser","requestParameters":{"x":"newer"}})").size(), 1U);
}

TEST(Rules, RoutineOfDeclaredAutomationIsLowAndItsFirstTimeIsNot) {
  Cell cell(settings_of("pattern: {eventName: [CreateUser]}\n", {{"arn:aws:iam::*:user/alice", {"a.*"}}}));
  EXPECT_EQ(cell.observe(0, kCreate).at(0).severity, event::Severity::kHigh);
  EXPECT_EQ(cell.observe(2 * 1440, kCreate).at(0).severity, event::Severity::kLow);
  EXPECT_EQ(cell.observe(2 * 1440, R"({"eventName":"CreateUser","userIdentity":{"userName":"mallory"}})").at(0).severity, event::Severity::kHigh) << "somebody else";
}

/// Rules of Sigma documents.
std::shared_ptr<const RuleSettings> sigma_settings(std::string_view yaml) {
  rules::SigmaLoader loader({});
  loader.add(yaml, "s.yml");
  const rules::SigmaPack pack = std::move(loader).finish();
  EXPECT_TRUE(pack.errors.empty()) << pack.errors.lines().front();
  return std::make_shared<RuleSettings>(RuleSettings{rules::RuleBook::compile(rules::rules_of(pack)).value(), {}});
}

constexpr std::string_view kSigmaCreate = R"(title: User made
name: user_made
level: high
tags: [attack.t1136.003]
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName|startswith: CreateU}, f: {errorCode: AccessDenied}, condition: s and not f}
)";

TEST(Rules, ASigmaRuleIsToldOfAsOthersAre) {
  Cell cell(sigma_settings(kSigmaCreate));
  const auto told = cell.observe(0, kCreate);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].detector, "rules");
  EXPECT_EQ(told[0].what, "user_made");
  EXPECT_EQ(told[0].title, "User made");
  EXPECT_EQ(told[0].severity, event::Severity::kHigh);
  EXPECT_EQ(told[0].attack.id, "T1136.003");
  EXPECT_EQ(told[0].sentence, "user alice called iam CreateUser (no error): User made.");
  EXPECT_EQ(cell.observe(1, kFailed).at(0).severity, event::Severity::kHigh) << "what failed matches too, where the rule does not say otherwise";
  EXPECT_TRUE(cell.observe(2, kRefused).empty()) << "where it does";
}

/// Two users made within ten minutes, and then a key, within an hour.
constexpr std::string_view kSigmaChain = R"(---
title: Key made
name: key_made
detection: {s: {eventName: CreateAccessKey}, condition: s}
---
title: Users made
name: users_made
correlation: {type: event_count, rules: [user_made], timespan: 10m, group-by: [maker], condition: {gte: 2}, aliases: {maker: {user_made: userIdentity.userName}}}
---
title: Users, then a key
name: users_then_key
level: critical
correlation: {type: temporal_ordered, rules: [users_made, key_made], timespan: 1h, group-by: [maker], aliases: {maker: {key_made: userIdentity.userName}}}
)";
constexpr std::string_view kKey = R"({"eventSource":"iam.amazonaws.com","eventName":"CreateAccessKey"})";

TEST(Rules, SigmaCorrelationsOverCorrelationsGoOnAfterARestart) {
  const auto settings = sigma_settings(std::string(kSigmaCreate) + std::string(kSigmaChain));
  Cell before(settings), after(settings), other(settings);
  EXPECT_TRUE(before.observe(0, kKey).empty());
  EXPECT_TRUE(before.observe(1, kCreate).empty()) << "the rule reports to its correlation alone";
  EXPECT_TRUE(before.observe(2, kCreate).empty()) << "and that to its own";
  ASSERT_TRUE(after.load(before.saved()));
  EXPECT_EQ(after.saved(), before.saved());
  EXPECT_TRUE(after.observe(3, R"({"eventName":"CreateAccessKey","userIdentity":{"userName":"bob"}})").empty()) << "of another group";
  const auto told = after.observe(4, kKey);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].what, "users_then_key");
  EXPECT_EQ(told[0].severity, event::Severity::kCritical);
  EXPECT_EQ(told[0].entity, "alice") << "the group";
  EXPECT_EQ(told[0].sentence, "Users, then a key: 2 rules matched in order within 1 hour, the last by user alice.");
  EXPECT_TRUE(other.observe(4, kKey).empty()) << "what was before is needed";
}

}  // namespace
}  // namespace trailwarden::detectors
