// What `Insights::explain` says of a minute must be what its Insight said, to the last digit.

#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/insights_feed.h"

namespace trailwarden::detectors {
namespace {

using baseline::Evidence;
using testing::FeedCall;
using testing::InsightsFeed;

constexpr std::int64_t kFirst = 29'000'000 / 1440 * 1440, kDays = 12, kLast = kFirst + kDays * 1440;

/// Calls of one minute: six APIs by the hour of the day, one of them failing now and then; from the ninth day on bursts, storms of errors, and an API that stops.
class Traffic {
 public:
  struct Batch {
    FeedCall call;
    int count;
  };
  std::vector<Batch> at(std::int64_t minute) {
    static constexpr std::array<const char*, 6> kNames{"RunInstances", "CreateTags", "PutObject", "StartJob", "DeleteKey", "UpdateStack"};
    static constexpr std::array<double, 6> kRates{2, 0.5, 6, 0.1, 0.02, 1};
    std::vector<Batch> out;
    const bool is_day = minute % 1440 / 60 >= 8 && minute % 1440 / 60 < 18, is_late = minute >= kFirst + 9 * 1440;
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      std::poisson_distribution<int> calls(kRates[i] * (is_day ? 1.5 : 0.6));
      int count = calls(random_);
      if (is_late && i == 2 && minute >= kFirst + 11 * 1440 && minute < kFirst + 11 * 1440 + 400) count = 0;
      if (is_late && minute % 977 < 5 && i == static_cast<std::size_t>(minute / 977 % 6)) count += 3 + static_cast<int>(random_() % 60);
      if (count > 0) out.push_back({{.event_name = kNames[i], .arn = i % 2 == 0 ? "arn:aws:iam::111111111111:user/alice" : "arn:aws:iam::111111111111:user/bob"}, count});
      if (i == 5 && random_() % 100 == 0) out.push_back({{.event_name = kNames[i], .error_code = "Throttling"}, 1});
    }
    if (is_late && minute % 1201 < 4) out.push_back({{.event_name = "UpdateStack", .error_code = "AccessDenied"}, 4 + static_cast<int>(random_() % 9)});
    return out;
  }

 private:
  std::mt19937 random_{11};
};

baseline::SeriesId series_of(const Insights& insights, const event::Insight& insight) {
  return insights.baseline().series_named({insight.event_source, insight.event_name, insight.error_code}, insight.is_data).value();
}

void expect_same(const event::Insight& said, const baseline::Explanation& why) {
  const Evidence& best = why.best[said.is_upward ? 0 : 1];
  const auto near = [](double value) { return 1e-9 * std::max(1.0, std::abs(value)); };
  EXPECT_NEAR(best.false_alarms, said.false_alarms_per_week, 1e-9 * said.false_alarms_per_week) << ::testing::PrintToString(said);
  EXPECT_NEAR(best.score, said.score, near(said.score)) << ::testing::PrintToString(said);
  EXPECT_NEAR(best.count, said.observed, near(said.observed)) << ::testing::PrintToString(said);
  EXPECT_NEAR(best.mean, said.expected, near(said.expected)) << ::testing::PrintToString(said);
  EXPECT_NEAR(why.alpha, said.threshold, 1e-9 * said.threshold) << ::testing::PrintToString(said);
}

/// What a saved state makes of a minute.
Insights::Why explained(const std::string& state, const InsightsFeed& from, const event::Insight& said, std::int64_t minute) {
  InsightsFeed loaded({.false_insights_per_week = 10});
  EXPECT_TRUE(loaded.restore(state, from));
  baseline::MinutePass pass;
  return loaded.insights().explain(series_of(loaded.insights(), said), minute, pass).value();
}

TEST(Explain, AgreesWithEveryInsightOfAGeneratedHistory) {
  InsightsFeed feed({.false_insights_per_week = 10});
  Traffic traffic;
  std::map<std::int64_t, std::string> states;  // as of five minutes behind each
  std::size_t early = 0, at_closing = 0, downwards = 0, heard = 0;
  for (std::int64_t minute = kFirst; minute < kLast; ++minute) {
    for (const auto& [call, count] : traffic.at(minute)) {
      for (int i = 0; i < count; ++i) {
        feed.minute(minute, call);
        for (; heard < feed.said().size(); ++heard) {
          const event::Insight& said = feed.said()[heard];
          if (!said.is_start) continue;
          const std::int64_t decided = minute_of(said.decision_time);
          if (said.early) {
            ++early;
            const auto why = explained(feed.saved(), feed, said, decided);
            expect_same(said, why.now);
            EXPECT_TRUE(why.now.alarms(baseline::Direction::kUp));
            EXPECT_EQ(why.calls_to_alarm, 0U);
            EXPECT_TRUE(why.is_incident);
            EXPECT_EQ(why.insight.attributions, said.attributions);
            continue;
          }
          ++at_closing;
          downwards += said.is_upward ? 0 : 1;
          ASSERT_TRUE(states.contains(decided));
          const auto why = explained(states.at(decided), feed, said, decided);
          ASSERT_TRUE(why.closing.has_value());
          expect_same(said, *why.closing);
          EXPECT_TRUE(why.is_start);
          // Right behind its closing counts and means are still there; levels have learned.
          if (!said.is_upward) continue;
          const auto after = explained(feed.saved(), feed, said, decided);
          EXPECT_FALSE(after.now.is_exact);
          EXPECT_EQ(after.now.alpha, said.threshold);
          const Evidence& window = after.now.windows[after.now.best[0].channel].evidence;
          if (why.closing->best[0].channel != window.channel) continue;
          EXPECT_EQ(window.count, said.observed) << ::testing::PrintToString(said);
          EXPECT_NEAR(window.mean, said.expected, 1e-9 * std::max(1.0, said.expected)) << ::testing::PrintToString(said);
        }
      }
    }
    states[minute - 5] = feed.saved();
    if (states.size() > 30) states.erase(states.begin());
  }
  EXPECT_GT(early, 8U);
  EXPECT_GT(at_closing, 0U);
  EXPECT_GT(downwards, 0U);
}

TEST(Explain, SaysHowManyCallsAreMissing) {
  InsightsFeed feed({.false_insights_per_week = 10});
  Traffic traffic;
  std::int64_t minute = kFirst;
  for (; minute < kFirst + 8 * 1440; ++minute)
    for (const auto& [call, count] : traffic.at(minute)) feed.minute(minute, call, count);
  const FeedCall call{.event_name = "DeleteKey"};
  feed.minute(minute, call);
  const auto series = feed.insights().baseline().series_named({call.event_source, call.event_name, {}}, false).value();
  baseline::MinutePass pass;
  const auto why = feed.insights().explain(series, minute, pass).value();
  ASSERT_TRUE(why.calls_to_alarm.has_value());
  ASSERT_GT(*why.calls_to_alarm, 1U);
  EXPECT_FALSE(why.now.alarms(baseline::Direction::kUp));
  const std::size_t before = feed.starts().size();
  feed.minute(minute, call, static_cast<int>(*why.calls_to_alarm) - 1);
  EXPECT_EQ(feed.starts().size(), before);
  feed.minute(minute, call);
  EXPECT_EQ(feed.starts().size(), before + 1);
}

TEST(Explain, LeavesTheCellAsItWas) {
  InsightsFeed feed({.false_insights_per_week = 10});
  Traffic traffic;
  for (std::int64_t minute = kFirst; minute < kFirst + 2 * 1440; ++minute)
    for (const auto& [call, count] : traffic.at(minute)) feed.minute(minute, call, count);
  const std::string state = feed.saved();
  const auto [first, last] = feed.insights().baseline().known_minutes();
  EXPECT_EQ(last, kFirst + 2 * 1440 - 1);
  EXPECT_EQ(first, last - 30);  // fifteen that are closed, sixteen that are open
  baseline::MinutePass pass;
  const auto series = feed.insights().baseline().series_named({"ec2.amazonaws.com", "PutObject", {}}, false).value();
  for (std::int64_t minute = first; minute <= last; ++minute) ASSERT_TRUE(feed.insights().explain(series, minute, pass).has_value());
  EXPECT_EQ(feed.saved(), state);
  EXPECT_FALSE(feed.insights().baseline().series_named({"ec2.amazonaws.com", "NoSuchApi", {}}, false).has_value());
}

TEST(Knob, WhatThresholdsAllowIsWhatWasAskedFor) {
  InsightsFeed feed({.false_insights_per_week = 8, .active_regions = 2});
  Traffic traffic;
  std::uint64_t last = 0;
  for (std::int64_t minute = kFirst; minute < kFirst + 8 * 1440; ++minute) {
    for (const auto& [call, count] : traffic.at(minute)) feed.minute(minute, call, count);
    if (minute % 60 != 30) continue;
    const auto knob = feed.insights().baseline().knob();
    EXPECT_EQ(knob.of_account, 8);
    EXPECT_EQ(knob.of_region, 4);
    EXPECT_GE(knob.judged_hours, last);
    last = knob.judged_hours;
    // Series within their warm-up have their part of the budget, and say nothing.
    if (knob.judged_hours > 48) {
      EXPECT_LE(knob.allowed[0] + knob.allowed[1], 4 * 0.95 * (1 + 1e-9));
    }
    if (knob.directions[0] == 0) {
      EXPECT_EQ(knob.expected_false, 0);
    }
  }
  const auto knob = feed.insights().baseline().knob();
  EXPECT_EQ(knob.directions[1], 6U);  // the APIs; an error code is judged upwards only
  EXPECT_EQ(knob.directions[0], 7U);
  EXPECT_NEAR(knob.allowed[0] + knob.allowed[1], 4 * 0.95, 1e-9);
  EXPECT_NEAR(knob.allowed[0] / knob.allowed[1], 5 * 7 / 6.0, 1e-9);
  EXPECT_NEAR(knob.least_alpha, knob.most_alpha, 0);
  EXPECT_NEAR(knob.silences, 4 * 0.05, 1e-9);
  // Watched for three days by the profile's clock, judged for the five that are left.
  EXPECT_GT(last, 4 * 24U);
  EXPECT_LE(last, 5 * 24U + 12);
  EXPECT_LE(knob.expected_false, 4 * 0.95 * static_cast<double>(last) / 168 + 1e-9);
  EXPECT_GT(knob.expected_false, 4 * 0.95 * static_cast<double>(last) / 168 * 0.8);
}

}  // namespace
}  // namespace trailwarden::detectors
