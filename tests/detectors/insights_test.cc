#include "detectors/insights.h"

#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "testing/insights_feed.h"

namespace trailwarden::detectors {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::FeedCall;
using testing::InsightsFeed;
using nlohmann::json;

constexpr int kHistoryDays = 28;

std::int64_t minute_at(std::string_view time) { return minute_of(parse_event_time(time).value()); }

/// A read now and then, so that the account is alive and the API under test is the only one that is judged.
void heartbeat(InsightsFeed& feed, std::int64_t minute) {
  if (minute % 30 == 0) feed.minute(minute, {.event_source = "sts.amazonaws.com", .event_name = "GetCallerIdentity", .read_only = true});
}

/// 28 days before the day of `start`, and that day up to it: `total` calls spread evenly over the reported baseline's minutes, the same rate before.
void history(InsightsFeed& feed, std::int64_t start, std::int64_t total, const FeedCall& call) {
  const std::int64_t reported = 10080 + start % 1440, reported_from = start - reported;
  const auto due = [&](std::int64_t i) { return (i * total + reported / 2) / reported; };
  for (std::int64_t minute = start - start % 1440 - kHistoryDays * 1440; minute < start; ++minute) {
    heartbeat(feed, minute);
    const std::int64_t i = (minute - reported_from) % reported + (minute < reported_from ? reported : 0);
    const auto count = static_cast<int>(due(i % reported + 1) - due(i % reported));
    if (count > 0) feed.minute(minute, call, count);
  }
}

InsightsConfig with_budget(double budget) { return {.false_insights_per_week = budget}; }

json record_of(const event::Insight& insight) { return json::parse(alerts::insight_record(insight, {"111111111111", "eu-west-1"})); }

const json& statistics_of(const json& record) { return record["insightDetails"]["insightContext"]["statistics"]; }

std::string record_text(const event::Insight& insight) { return alerts::insight_record(insight, {"111111111111", "eu-west-1"}); }

/// One of the Insights that AWS has printed as examples (G1 to G5: CloudTrail user guide) or told of in words (G8 to G11).
struct Golden {
  const char* start;
  std::int64_t total;  // calls in the reported baseline
  FeedCall call;
  std::vector<std::pair<int, int>> burst;  // minutes after the start, calls
  int quiet_for = 40;                      // minutes of the usual rate that are closed afterwards

  std::vector<event::Insight> run(InsightsConfig config) const {
    InsightsFeed feed(std::move(config));
    const std::int64_t begin = minute_at(start);
    history(feed, begin, total, call);
    const std::size_t before = feed.said().size();
    const FeedCall as_role = call;
    int minutes = 0;
    for (const auto& [offset, count] : burst) {
      feed.minute(begin + offset, as_role, count);
      minutes = offset + 1;
    }
    for (int i = minutes; i < minutes + quiet_for; ++i) {
      heartbeat(feed, begin + i);
      if (total > 10'000) feed.minute(begin + i, call, static_cast<int>(total / 10'080));
    }
    feed.close_before(begin + minutes + quiet_for);
    return {feed.said().begin() + static_cast<std::ptrdiff_t>(before), feed.said().end()};
  }

  /// The least budget, to 1 %, at which the whole burst gives a Start: false Insights a week.
  double least_budget() const {
    double low = 0.01, high = 1e5;
    while (high / low > 1.01) {
      const double middle = std::sqrt(low * high);
      (run(with_budget(middle)).empty() ? low : high) = middle;
    }
    return high;
  }
};

const FeedCall kLifecycle{.event_source = "autoscaling.amazonaws.com", .event_name = "CompleteLifecycleAction"};

TEST(GoldenInsights, G1FiftyAMinuteForEightMinutes) {
  const Golden golden{"2019-10-17T10:05:00Z", 17702, {.event_source = "ssm.amazonaws.com", .event_name = "UpdateInstanceAssociationStatus"},
                      {{0, 50}, {1, 50}, {2, 50}, {3, 50}, {4, 50}, {5, 50}, {6, 50}, {7, 50}}};
  const auto said = golden.run(with_budget(0.02));
  ASSERT_THAT(said, SizeIs(2));
  const json start = record_of(said[0]), end = record_of(said[1]);
  EXPECT_EQ(start["eventTime"], "2019-10-17T10:05:00Z");
  EXPECT_EQ(end["eventTime"], "2019-10-17T10:13:00Z");
  EXPECT_EQ(statistics_of(end)["insightDuration"], 8);
  EXPECT_EQ(statistics_of(end)["insight"]["average"], 50);
  // AWS printed 17702/10080 then; the rule of later versions divides by 10080 + 605 minutes.
  EXPECT_EQ(statistics_of(end)["baselineDuration"], 10685);
  EXPECT_NE(record_text(said[1]).find(R"("average":1.656715021)"), std::string::npos) << record_text(said[1]);
  EXPECT_EQ(start["sharedEventID"], end["sharedEventID"]);
}

TEST(GoldenInsights, G2SixHundredInOneMinute) {
  const Golden golden{"2019-11-14T00:51:00Z", 861036, {.event_source = "ssm.amazonaws.com", .event_name = "UpdateInstanceInformation"}, {{0, 664}}, 20};
  const auto said = golden.run(with_budget(0.02));
  ASSERT_FALSE(said.empty());
  const json start = record_of(said[0]);
  EXPECT_EQ(start["eventTime"], "2019-11-14T00:51:00Z");
  EXPECT_EQ(statistics_of(start)["insightDuration"], 1);
  EXPECT_EQ(statistics_of(start)["baselineDuration"], 10131);
  EXPECT_NE(record_text(said[0]).find(R"("average":84.990228013)"), std::string::npos) << record_text(said[0]);
}

TEST(GoldenInsights, G3ThreeCallsInFiveMinutes) {
  const Golden golden{"2020-07-21T20:56:00Z", 1, kLifecycle, {{0, 1}, {2, 1}, {4, 1}}};
  const double budget = golden.least_budget();
  std::cout << "G3 fires at a budget of " << budget << " false Insights a week (two directions under test)\n";
  EXPECT_NEAR(budget, 0.0429, 0.002);
  const auto said = golden.run(with_budget(budget));
  ASSERT_FALSE(said.empty());
  const json start = record_of(said[0]);
  EXPECT_EQ(start["eventTime"], "2020-07-21T20:56:00Z");
  EXPECT_EQ(statistics_of(start)["insightDuration"], 5);
  EXPECT_EQ(statistics_of(start)["insight"]["average"], 0.6);
  EXPECT_EQ(statistics_of(start)["baselineDuration"], 11336);
  EXPECT_NE(record_text(said[0]).find(R"("baseline":{"average":0.0000882145})"), std::string::npos) << record_text(said[0]);
}

TEST(GoldenInsights, G4FiveCallsInOneMinute) {
  const Golden golden{"2023-07-10T01:42:00Z", 1, kLifecycle, {{0, 5}}};
  const auto said = golden.run(with_budget(0.02));
  ASSERT_FALSE(said.empty());
  const json start = record_of(said[0]);
  EXPECT_EQ(start["eventTime"], "2023-07-10T01:42:00Z");
  EXPECT_EQ(statistics_of(start)["baselineDuration"], 10182);  // AWS printed 10181
  EXPECT_NE(record_text(said[0]).find(R"("baseline":{"average":0.0000982125})"), std::string::npos) << record_text(said[0]);
}

TEST(GoldenInsights, G5SixErrorsOfAKindNeverSeen) {
  const FeedCall works{.event_source = "cloudtrail.amazonaws.com", .event_name = "DescribeQuery", .read_only = true};
  FeedCall fails = works;
  fails.error_code = "QueryIdNotFoundException";
  const auto run = [&](double budget) {
    InsightsConfig config = with_budget(budget);
    config.start_window_minutes = 5;
    InsightsFeed feed(config);
    const std::int64_t start = minute_at("2024-12-11T16:52:00Z");
    history(feed, start, 100, works);
    feed.minute(start, fails, 6);
    for (int i = 1; i < 40; ++i) heartbeat(feed, start + i);
    feed.close_before(start + 40);
    return feed.said();
  };
  double low = 1e-6, high = 1e5;
  while (high / low > 1.01) {
    const double middle = std::sqrt(low * high);
    (run(middle).empty() ? low : high) = middle;
  }
  std::cout << "G5 fires at a budget of " << high << " false Insights a week\n";
  EXPECT_NEAR(high, 0.00297, 0.00015);
  const auto said = run(high);
  ASSERT_THAT(said, SizeIs(2));
  const json start = record_of(said[0]), end = record_of(said[1]);
  EXPECT_EQ(start["eventTime"], "2024-12-11T16:52:00Z");
  EXPECT_EQ(end["eventTime"], "2024-12-11T16:53:00Z");
  EXPECT_EQ(statistics_of(start)["insightDuration"], 5);
  EXPECT_EQ(statistics_of(start)["insight"]["average"], 1.2);
  EXPECT_EQ(statistics_of(end)["insightDuration"], 1);
  EXPECT_EQ(statistics_of(end)["insight"]["average"], 6);
  EXPECT_EQ(statistics_of(start)["baselineDuration"], 11092);
  EXPECT_EQ(statistics_of(start)["baseline"]["average"], 0);
  EXPECT_EQ(start["insightDetails"]["errorCode"], "QueryIdNotFoundException");
  const json& attributions = start["insightDetails"]["insightContext"]["attributions"];
  ASSERT_THAT(attributions, SizeIs(2));
  EXPECT_EQ(attributions[0]["attribute"], "userIdentityArn");
  EXPECT_EQ(attributions[1]["attribute"], "userAgent");
  for (const json& attribution : attributions) EXPECT_EQ(attribution["baseline"], json::array());
}

TEST(GoldenInsights, G8ThreeCallsInAMinuteOverAFewAnHour) {
  const Golden golden{"2024-03-06T12:00:00Z", 540, {.event_source = "monitoring.amazonaws.com", .event_name = "DeleteAlarms"}, {{0, 3}}};
  const double budget = golden.least_budget();
  std::cout << "G8 fires at a budget of " << budget << " false Insights a week\n";
  EXPECT_NEAR(budget, 0.0276, 0.0014);
}

TEST(GoldenInsights, G9ARiseFromTwentyToAHundred) {
  const Golden golden{"2024-03-06T12:00:00Z", 20 * 10800, {.event_source = "s3.amazonaws.com", .event_name = "DeleteBucket"}, {{0, 100}, {1, 100}, {2, 100}}};
  EXPECT_THAT(golden.run({}), SizeIs(::testing::Ge(1U)));
}

TEST(GoldenInsights, G10AFallFromTwentyToNone) {
  InsightsFeed feed(with_budget(0.02));
  const FeedCall call{.event_name = "AuthorizeSecurityGroupIngress"};
  const std::int64_t start = minute_at("2024-03-06T12:00:00Z");
  history(feed, start, 20 * 10800, call);
  for (int i = 0; i < 30; ++i) feed.minute(start + i, {.event_source = "sts.amazonaws.com", .event_name = "GetCallerIdentity", .read_only = true});
  feed.close_before(start + 12);
  ASSERT_THAT(feed.said(), SizeIs(1));
  EXPECT_FALSE(feed.said()[0].is_upward);
  EXPECT_EQ(format_time(feed.said()[0].event_time), "2024-03-06T12:00:00Z");
  for (int i = 30; i < 90; ++i) feed.minute(start + i, call, 20);
  feed.close_before(start + 60);
  ASSERT_THAT(feed.said(), SizeIs(2));
  EXPECT_EQ(format_time(feed.said()[1].event_time), "2024-03-06T12:30:00Z");
  EXPECT_EQ(feed.said()[1].insight, (event::CallRate{0, 30}));
}

TEST(GoldenInsights, G11TwelveRefusalsAMinuteAfterNearlyNone) {
  const FeedCall works{.event_source = "iam.amazonaws.com", .event_name = "DeleteInstanceProfile"};
  FeedCall fails = works;
  fails.error_code = "AccessDenied";
  InsightsFeed feed(with_budget(0.02));
  const std::int64_t start = minute_at("2024-03-06T12:00:00Z");
  history(feed, start, 20, works);  // up to the burst: that a job so regular had stopped would be noticed
  feed.minute(start, fails, 12);
  ASSERT_FALSE(feed.said().empty());
  const auto errors = std::find_if(feed.said().begin(), feed.said().end(), [](const auto& i) { return i.type == event::InsightType::kApiErrorRate; });
  ASSERT_NE(errors, feed.said().end());
  EXPECT_TRUE(errors->early);
}

/// An API called about `rate` times a minute for two weeks.
struct Settled {
  explicit Settled(InsightsConfig config = with_budget(0.02), int rate = 2) : feed(std::move(config)), now(minute_at("2024-03-06T12:00:00Z")) {
    for (std::int64_t minute = now - 14 * 1440; minute < now; ++minute) feed.minute(minute, {}, rate - 1 + static_cast<int>(minute % 3));
  }
  InsightsFeed feed;
  std::int64_t now;
};

TEST(Insights, StartLeavesWithTheCallThatCrosses) {
  Settled api;
  int calls = 0;
  while (api.feed.said().empty() && calls < 200) {
    api.feed.call(api.now * 60 + 20);
    ++calls;
  }
  ASSERT_THAT(api.feed.said(), SizeIs(1));
  const event::Insight& start = api.feed.said()[0];
  EXPECT_TRUE(start.early);
  EXPECT_LT(calls, 40);
  EXPECT_EQ(start.decision_time, Timestamp{std::chrono::seconds{api.now * 60 + 20}});
  EXPECT_EQ(start.insight.calls, static_cast<std::uint64_t>(calls));
  EXPECT_LE(start.false_alarms_per_week, start.threshold);
  EXPECT_GT(start.score, 7);
  EXPECT_EQ(start.event_ids.back().size(), 5U) << "the newest record's id";
}

TEST(Insights, TheClosingOfTheMinuteDoesNotSayAStartAgain) {
  Settled api;
  api.feed.minute(api.now, {}, 100);
  for (int i = 1; i < 60; ++i) api.feed.minute(api.now + i, {}, 2);
  api.feed.close_before(api.now + 45);
  ASSERT_THAT(api.feed.said(), SizeIs(2));
  EXPECT_TRUE(api.feed.said()[0].is_start);
  EXPECT_FALSE(api.feed.said()[1].is_start);
  EXPECT_EQ(api.feed.said()[1].insight, (event::CallRate{100, 1}));
}

TEST(Insights, EarlyAndClosingVerdictsAgreeOnTheMinute) {
  for (int burst = 4; burst < 60; burst += 7) {
    Settled early, closing;
    early.feed.minute(early.now, {}, burst);
    // The same calls, closed at once: the closing pass decides alone where the open one was silent.
    closing.feed.minute(closing.now, {}, burst);
    closing.feed.close_before(closing.now + 1);
    EXPECT_EQ(early.feed.said().size(), closing.feed.starts().size()) << burst;
  }
}

TEST(Insights, AttributesTheRiseToWhoCausedIt) {
  Settled api;
  const FeedCall attacker{.arn = "arn:aws:sts::111111111111:assumed-role/Deploy/session-7", .user_agent = "evil/1.0"};
  api.feed.minute(api.now, attacker, 60);
  ASSERT_THAT(api.feed.said(), SizeIs(1));
  const auto& attributions = api.feed.said()[0].attributions;
  ASSERT_THAT(attributions, SizeIs(3));
  EXPECT_EQ(attributions[0].insight[0].value, "arn:aws:sts::111111111111:assumed-role/Deploy");
  EXPECT_EQ(attributions[0].baseline[0].value, "arn:aws:iam::111111111111:user/alice");
  EXPECT_EQ(attributions[2].insight, (std::vector<event::AttributedRate>{{"null", 1.0}}));
  EXPECT_NE(api.feed.said()[0].sentence.find("100 % of it by arn:aws:sts::111111111111:assumed-role/Deploy"), std::string::npos)
      << api.feed.said()[0].sentence;
}

TEST(Insights, ReadsOfManagementEventsAreJudgedByTheirErrorsOnly) {
  InsightsFeed feed(with_budget(0.02));
  const FeedCall read{.event_name = "DescribeInstances", .read_only = true};
  const std::int64_t now = minute_at("2024-03-06T12:00:00Z");
  for (std::int64_t minute = now - 14 * 1440; minute < now; ++minute) feed.minute(minute, read, 2);
  feed.minute(now, read, 5000);
  EXPECT_THAT(feed.said(), IsEmpty());
  FeedCall refused = read;
  refused.error_code = "Client.UnauthorizedOperation";
  feed.minute(now, refused, 100);
  ASSERT_THAT(feed.said(), SizeIs(1));
  EXPECT_EQ(feed.said()[0].type, event::InsightType::kApiErrorRate);
}

TEST(Insights, AStormOfCallsWithTheUsualErrorShareIsNoErrorInsight) {
  InsightsFeed feed(with_budget(0.02));
  const FeedCall works{.event_name = "DescribeInstances", .read_only = true};
  FeedCall fails = works;
  fails.error_code = "Throttling";
  const std::int64_t now = minute_at("2024-03-06T12:00:00Z");
  for (std::int64_t minute = now - 14 * 1440; minute < now; ++minute) {
    feed.minute(minute, works, 8);
    if (minute % 3 != 0) feed.minute(minute, fails, 3);
  }
  for (int i = 0; i < 5; ++i) {
    feed.minute(now + i, works, 160);
    feed.minute(now + i, fails, 40);
  }
  feed.close_before(now + 10);
  EXPECT_THAT(feed.said(), IsEmpty());
}

TEST(Insights, DataEventsAreJudgedReadAndWrite) {
  InsightsFeed feed(with_budget(0.02));
  const FeedCall read{.event_source = "s3.amazonaws.com", .event_name = "GetObject", .read_only = true, .is_data = true};
  const std::int64_t now = minute_at("2024-03-06T12:00:00Z");
  for (std::int64_t minute = now - 14 * 1440; minute < now; ++minute) feed.minute(minute, read, 2);
  feed.minute(now, read, 200);
  ASSERT_THAT(feed.said(), SizeIs(1));
  EXPECT_TRUE(feed.said()[0].is_data);
}

TEST(Insights, NothingIsSaidBeforeTheWarmUp) {
  const std::int64_t now = minute_at("2024-03-06T12:00:00Z");
  for (const int hours : {13, 71, 80}) {
    InsightsFeed feed(with_budget(0.02));
    for (std::int64_t minute = now - hours * 60; minute < now; ++minute) feed.minute(minute);
    feed.minute(now, {}, 500);
    feed.close_before(now + 10);
    EXPECT_EQ(feed.said().empty(), hours < 72) << hours;
  }
}

TEST(Insights, ALateCallOpensNothingAndAmendsTheEnd) {
  Settled api;
  api.feed.minute(api.now, {}, 100);
  for (int i = 1; i < 18; ++i) api.feed.minute(api.now + i, {}, 2);
  for (int i = 0; i < 7; ++i) api.feed.call(api.now * 60);  // 17 minutes late
  EXPECT_THAT(api.feed.said(), SizeIs(1));
  for (int i = 18; i < 60; ++i) api.feed.minute(api.now + i, {}, 2);
  ASSERT_THAT(api.feed.said(), SizeIs(2));
  EXPECT_EQ(api.feed.said()[1].insight, (event::CallRate{107, 1}));
}

TEST(Insights, ADayOfItIsTheNewNormal) {
  Settled api;
  for (int i = 0; i < 3 * 1440; ++i) api.feed.minute(api.now + i, {}, 30);
  ASSERT_THAT(api.feed.said(), SizeIs(2));
  EXPECT_TRUE(api.feed.said()[1].adopted);
}

TEST(Insights, ScopesSwitchOffRaiseAndBound) {
  const auto burst = [](InsightScope scope) {
    InsightsConfig config = with_budget(0.02);
    config.scopes.push_back(std::move(scope));
    Settled api(config);
    api.feed.minute(api.now, {}, 60);
    return api.feed.said().size();
  };
  EXPECT_EQ(burst({.event_name = "Terminate*"}), 1U) << "another API";
  EXPECT_EQ(burst({.event_name = "Run*", .settings = {.calls = false}}), 0U);
  EXPECT_EQ(burst({.event_name = "Run*", .settings = {.minimum_count = 500}}), 0U);
  EXPECT_EQ(burst({.event_name = "Run*", .settings = {.minimum_count = 40}}), 1U);
  EXPECT_EQ(burst({.event_name = "Run*", .settings = {.up = false}}), 0U);
  EXPECT_EQ(burst({.event_name = "Run*", .settings = {.budget = 0}}), 0U);
  EXPECT_EQ(burst({.region = "us-*", .settings = {.calls = false}}), 1U) << "another Region";
}

TEST(Insights, MinutesMayStayOpenForTwoHours) {
  for (const std::int64_t lateness : {1, 15, 44, 61, 120}) {
    InsightsFeed feed(with_budget(0.02), lateness);
    const std::int64_t now = minute_at("2024-03-06T12:00:00Z");
    for (std::int64_t minute = now - 14 * 1440; minute < now + 130; ++minute) feed.minute(minute, {}, 1 + static_cast<int>(minute % 3));
    ASSERT_THAT(feed.said(), IsEmpty()) << lateness;
    feed.minute(now + 130 - lateness, {}, 60);  // as late as it may be
    ASSERT_THAT(feed.said(), SizeIs(1)) << lateness;
    EXPECT_TRUE(feed.said()[0].early);
    EXPECT_EQ(minute_of(feed.said()[0].event_time), now + 130 - lateness);
    for (std::int64_t i = 131; i < 131 + 2 * lateness + 60; ++i) feed.minute(now + i, {}, 2);
    ASSERT_THAT(feed.said(), SizeIs(2)) << lateness;
    EXPECT_EQ(feed.said()[1].insight.minutes, 1) << lateness;
  }
}

TEST(Insights, ClocksThatAreOffByCenturiesAreNotCounted) {
  for (const char* time : {"0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:30Z", "9999-12-31T23:59:59Z"}) {
    InsightsFeed feed;
    const std::int64_t second = parse_event_time(time)->time_since_epoch().count();
    for (int i = 0; i < 100; ++i) feed.call(second);
    feed.close_before(second / 60 + 10);
    feed.finish();
    EXPECT_THAT(feed.said(), IsEmpty()) << time;
    EXPECT_EQ(feed.insights().rows(), 0U) << time;
  }
}

TEST(Insights, ASilentAccountSaysNothingOfItsApis) {
  Settled api(with_budget(0.02), 20);
  api.feed.close_before(api.now + 600);
  EXPECT_THAT(api.feed.said(), IsEmpty());
}

TEST(Insights, AnAccountThatSleptTakesUpWhereItWas) {
  Settled api;
  const std::int64_t later = api.now + 90 * 1440;
  for (int i = 0; i < 600; ++i) api.feed.minute(later + i, {}, 2);
  EXPECT_THAT(api.feed.said(), IsEmpty()) << "the usual rate is still usual";
  api.feed.minute(later + 600, {}, 100);
  EXPECT_THAT(api.feed.said(), SizeIs(1));
}

}  // namespace
}  // namespace trailwarden::detectors
