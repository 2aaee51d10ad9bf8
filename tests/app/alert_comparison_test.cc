#include "app/alert_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trailwarden::app {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Timestamp kNoon{1'800'000'000s};

ToldAlert insight(std::string id, Timestamp decided, std::string severity = "medium", std::string api = "RunInstances") {
  return {.id = std::move(id), .detector = "ApiCallRateInsight", .severity = std::move(severity), .sentence = "s", .subject = "1 eu " + api, .decided = decided, .is_insight = true};
}

ToldAlert finding(std::string id, std::string severity = "high") { return {.id = id, .detector = "root_use", .severity = std::move(severity), .sentence = "s", .subject = id, .decided = kNoon}; }

TEST(AlertComparison, OfTheSameAlertsHasNoDifference) {
  const std::vector<ToldAlert> alerts{finding("a"), insight("b", kNoon), insight("c", kNoon + 10min)};
  const AlertComparison out = compare_alerts(alerts, alerts);
  EXPECT_EQ(out.same, 3U);
  EXPECT_THAT(out.added, IsEmpty());
  EXPECT_THAT(out.removed, IsEmpty());
  EXPECT_THAT(out.changed, IsEmpty());
}

TEST(AlertComparison, ABurstThatIsToldEarlierIsTheSameBurst) {
  const std::vector<ToldAlert> before{insight("b", kNoon)}, after{insight("x", kNoon - 40s, "high")};
  const AlertComparison out = compare_alerts(before, after);
  ASSERT_THAT(out.changed, SizeIs(1));
  EXPECT_EQ(out.changed[0].what, "high, was medium; 40 seconds earlier");
  EXPECT_THAT(out.added, IsEmpty());
}

TEST(AlertComparison, AnotherHourOrAnotherApiIsAnotherInsight) {
  const std::vector<ToldAlert> before{insight("b", kNoon)}, after{insight("x", kNoon + 61min), insight("y", kNoon, "medium", "StopInstances")};
  const AlertComparison out = compare_alerts(before, after);
  EXPECT_THAT(out.removed, SizeIs(1));
  ASSERT_THAT(out.added, SizeIs(2));
  EXPECT_EQ(out.added[0]->id, "y") << "by time";
}

TEST(AlertComparison, EachStartIsTakenOnceByItsNearest) {
  const std::vector<ToldAlert> before{insight("a", kNoon), insight("b", kNoon + 50min)}, after{insight("x", kNoon + 48min)};
  const AlertComparison out = compare_alerts(before, after);
  EXPECT_EQ(out.removed.size() + out.changed.size(), 2U);
  EXPECT_THAT(out.changed, SizeIs(1));
}

TEST(AlertComparison, FindingsGoByTheirIds) {
  const std::vector<ToldAlert> before{finding("a"), finding("b")}, after{finding("a", "low"), finding("c")};
  const AlertComparison out = compare_alerts(before, after);
  ASSERT_THAT(out.changed, SizeIs(1));
  EXPECT_EQ(out.changed[0].what, "low, was high");
  ASSERT_THAT(out.added, SizeIs(1));
  EXPECT_EQ(out.added[0]->id, "c");
  ASSERT_THAT(out.removed, SizeIs(1));
  EXPECT_EQ(out.removed[0]->id, "b");
}

TEST(ToldBy, SaysNothingOfEndsSummariesAndWhatIsNoAlert) {
  EXPECT_FALSE(told_by("no json"));
  EXPECT_FALSE(told_by("[1]"));
  EXPECT_FALSE(told_by(R"({"id":"x","detail":{"kind":"summary"}})"));
  const auto half = [](const std::string& state) {
    return told_by(R"({"id":"x","account":"1","region":"eu","time":"2026-01-01T00:00:00Z","detail":{"insightDetails":{"state":")" + state +
                   R"(","eventSource":"s","eventName":"n","insightType":"ApiErrorRateInsight","errorCode":"E"}},"trailwarden":{"detector":"insights","severity":"medium"}})");
  };
  EXPECT_FALSE(half("End"));
  const auto start = half("Start");
  ASSERT_TRUE(start);
  EXPECT_EQ(start->detector, "ApiErrorRateInsight");
  EXPECT_EQ(start->subject, "1 eu ApiErrorRateInsight s:n:E");
  EXPECT_TRUE(start->is_insight);
  EXPECT_FALSE(told_by(R"({"source":7,"detail":[]})"));
  const auto rule = told_by(R"({"id":"i","source":"trailwarden","time":"2026-01-01T00:00:00Z","detail":{"kind":"finding","detector":"rules","what":"aws.x","severity":"low","sentence":"s"}})");
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->detector, "aws.x") << "a rule is what would be tuned";
}

}  // namespace
}  // namespace trailwarden::app
