// What must not move the baselines, blind them or set them off: long spikes, floods of names, clocks that change, and the calendar.

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "baseline/cell_baseline.h"
#include "testing/draw.h"
#include "testing/insights_feed.h"

namespace trailwarden::detectors {
namespace {

using testing::FeedCall;
using testing::InsightsFeed;
using testing::Draw;

constexpr std::int64_t kMonday = 28'923'840 / 10'080 * 10'080 + 4 * 1440;  // 00:00 UTC, in the year 2024

/// What is expected of an API, in calls a day, by a cell that is fed from one day to the next.
class Expectation {
 public:
  void feed(std::int64_t from, std::int64_t days, double calls_per_minute) {
    for (std::int64_t minute = from; minute < from + days * 1440; ++minute) {
      cell_.wake(minute, minute);
      for (int calls = draw_.poisson(calls_per_minute); calls > 0; --calls) cell_.count(kCall, minute, verdicts_);
      cell_.count(kOther, minute, verdicts_);
      cell_.close_before(minute + 1, pass_, verdicts_, [](std::int64_t) {});
      verdicts_.clear();
    }
  }
  double over_the_day_before(std::int64_t minute) const {
    double sum = 0;
    for (const baseline::Span& span : cell_.spans({}, minute - 200, minute - 1)) sum += span.mean;
    return sum / 200;
  }

 private:
  static constexpr baseline::CellBaseline::Call kCall{"ec2.amazonaws.com", "RunInstances", {}, true}, kOther{"sts.amazonaws.com", "AssumeRole", {}};
  baseline::BaselineSettings settings_;
  baseline::CellBaseline cell_{settings_, "111111111111", "eu-west-1"};
  baseline::MinutePass pass_;
  std::vector<baseline::Verdict> verdicts_;
  Draw draw_{7};
};

TEST(InsightsLimits, AWeekAtFiveTimesTheRateIsForgottenFourDaysLater) {
  for (const double rate : {1.0, 5.0}) {
    Expectation api;
    const std::int64_t spike = kMonday + 28 * 1440, over = spike + 7 * 1440;
    api.feed(kMonday, 28, rate);
    const double before = api.over_the_day_before(spike);
    EXPECT_NEAR(before, rate, rate * 0.1);
    api.feed(spike, 7, 5 * rate);
    api.feed(over, 4, rate);
    EXPECT_NEAR(api.over_the_day_before(over + 4 * 1440), before, before * 0.1) << rate << " calls a minute";
  }
}

/// Names that were never seen before, a thousand a minute, for hours.
void flood(InsightsFeed& feed, std::int64_t from, std::int64_t minutes) {
  for (std::int64_t minute = from; minute < from + minutes; ++minute) {
    for (int i = 0; i < 1000; ++i) {
      const std::string number = std::to_string((minute - from) * 1000 + i), name = "Invented" + number, arn = "arn:aws:iam::111111111111:user/u" + number;
      feed.minute(minute, {.event_name = name, .arn = arn});
    }
    feed.minute(minute, {.event_name = "StopLogging"}, 2);
  }
}

TEST(InsightsLimits, AFloodOfNamesDoesNotBlindTheOthersAndIsBounded) {
  constexpr std::size_t kMostRows = 500;
  InsightsFeed feed({}, 15, kMostRows);
  Draw draw(3);
  for (std::int64_t minute = kMonday; minute < kMonday + 10 * 1440; ++minute) feed.minute(minute, {.event_name = "StopLogging"}, draw.poisson(2));
  const std::size_t before = feed.starts().size();
  const std::int64_t start = kMonday + 10 * 1440;
  flood(feed, start, 120);
  EXPECT_LE(feed.insights().rows(), 2 * (kMostRows + 1));  // and the overflow rows
  const std::size_t bytes = feed.insights().memory_bytes();
  EXPECT_LT(bytes, 64U << 20);
  EXPECT_EQ(feed.starts().size(), before) << "new names have no baselines to be unusual against";
  feed.minute(start + 120, {.event_name = "StopLogging"}, 60);
  ASSERT_EQ(feed.starts().size(), before + 1);
  EXPECT_EQ(feed.starts().back().event_name, "StopLogging");
}

/// Two APIs that are called now and then, for ten days; then invented names, for hours.
struct Flooded {
  static constexpr std::size_t kMostRows = 500;
  static constexpr std::int64_t kFlood = kMonday + 10 * 1440;
  InsightsFeed feed{{}, 15, kMostRows};

  /// In minutes since the beginning.
  void live(std::int64_t from, std::int64_t until) {
    for (std::int64_t minute = kMonday + from; minute < kMonday + until; ++minute) {
      Draw draw(static_cast<std::uint64_t>(minute));
      feed.minute(minute, {.event_name = "StopLogging"}, draw.poisson(0.01));
      feed.minute(minute, {.event_name = "DescribeTrails", .error_code = draw.uniform() < 0.002 ? "AccessDenied" : ""}, 1);
      if (minute < kFlood) continue;
      const std::string name = "Invented" + std::to_string(minute) + "x";
      for (int i = 0; i < 40; ++i) feed.minute(minute, {.event_name = name + std::to_string(i), .error_code = i % 2 == 0 ? "AccessDenied" : ""});
    }
  }
};

TEST(InsightsLimits, AFloodPushesOutItsOwnNames) {
  Flooded flooded;
  flooded.live(0, 10 * 1440 + 6 * 60 + 7);
  const baseline::CellBaseline& cell = flooded.feed.insights().baseline();
  EXPECT_GT(cell.evicted(), 200U);
  EXPECT_GT(cell.overflowed(), 1000U);
  EXPECT_LE(cell.rows(baseline::SeriesKind::kCalls), Flooded::kMostRows + 1);
  EXPECT_LE(cell.rows(baseline::SeriesKind::kErrors), Flooded::kMostRows + 1);
  for (const char* const name : {"StopLogging", "DescribeTrails"}) {
    const auto series = cell.series_named({"ec2.amazonaws.com", name, {}}, false);
    ASSERT_TRUE(series) << name;
    EXPECT_GT(cell.watched_minutes(*series), 5000) << name << " is as old as it was";
  }
  EXPECT_TRUE(cell.series_named({"ec2.amazonaws.com", "DescribeTrails", "AccessDenied"}, false)) << "and so are its errors";
  const std::size_t before = flooded.feed.starts().size();
  flooded.feed.minute(Flooded::kFlood + 6 * 60 + 7, {.event_name = "StopLogging"}, 30);
  ASSERT_EQ(flooded.feed.starts().size(), before + 1);
  EXPECT_EQ(flooded.feed.starts().back().event_name, "StopLogging");
}

TEST(InsightsLimits, WhatIsForgottenForRoomDoesNotDependOnWhereItStopped) {
  constexpr std::int64_t kEnd = 10 * 1440 + 5 * 60;
  Flooded whole;
  whole.live(0, kEnd);
  ASSERT_GT(whole.feed.insights().baseline().evicted(), 0U);
  // The watermark closes the flood's second hour with the calls of minute 135.
  for (const std::int64_t stop : {59, 134, 135, 136, 200}) {
    Flooded first, second;
    first.live(0, 10 * 1440 + stop);
    ASSERT_TRUE(second.feed.restore(first.feed.saved(), first.feed));
    second.live(10 * 1440 + stop, kEnd);
    EXPECT_TRUE(second.feed.saved() == whole.feed.saved()) << "stopped at minute " << stop;
  }
}

TEST(InsightsLimits, AMillionInventedCallersAreBounded) {
  InsightsFeed feed;
  Draw draw(5);
  for (std::int64_t minute = kMonday; minute < kMonday + 8 * 1440; ++minute) feed.minute(minute, {}, draw.poisson(2));
  const std::size_t before = feed.starts().size();
  std::int64_t minute = kMonday + 8 * 1440;
  for (int caller = 0; caller < 200'000; ++caller) {
    if (caller % 2000 == 0) ++minute;
    const std::string arn = "arn:aws:iam::111111111111:user/invented" + std::to_string(caller);
    feed.minute(minute, {.event_name = "DescribeInstances", .read_only = true, .arn = arn});
  }
  EXPECT_LT(feed.insights().memory_bytes(), 64U << 20);
  feed.minute(minute + 1, {}, 200);
  EXPECT_EQ(feed.starts().size(), before + 1) << "and the burst of another is seen";
}

/// Office hours in a zone that is an hour further from UTC from `change` on.
TEST(InsightsLimits, AChangeToSummerTimeIsNoIncident) {
  constexpr int kApis = 50;
  InsightsFeed feed({.false_insights_per_week = 1});
  Draw draw(11);
  const std::int64_t change = kMonday + 41 * 1440, end = change + 14 * 1440;  // a Sunday
  std::vector<std::string> names;
  for (int i = 0; i < kApis; ++i) names.push_back("Update" + std::to_string(i));
  for (std::int64_t minute = kMonday; minute < end; ++minute) {
    const std::int64_t local = minute + (minute >= change ? 120 : 60);
    const bool office = local % 1440 >= 9 * 60 && local % 1440 < 17 * 60 && (local - kMonday) / 1440 % 7 < 5;
    for (int i = 0; i < kApis; ++i) {
      const int calls = draw.poisson(office ? 0.01 * std::pow(1.15, i) : 0.001);
      if (calls > 0) feed.minute(minute, {.event_name = names[static_cast<std::size_t>(i)]}, calls);
    }
  }
  std::size_t after = 0;
  for (const event::Insight& insight : feed.starts()) {
    if (minute_of(insight.event_time) < change) continue;
    event::PrintTo(insight, &std::cout);
    std::cout << '\n';
    ++after;
  }
  EXPECT_LE(after, 2U) << "of two weeks at one a week";
}

TEST(InsightsLimits, ALeapDayIsADay) {
  InsightsFeed feed;
  const std::int64_t leap_day = parse_event_time("2024-02-29T00:00:00Z")->time_since_epoch().count() / 60, start = leap_day + 12 * 60;
  for (std::int64_t minute = start - 12 * 1440; minute < start; ++minute) feed.minute(minute, {}, 1);
  feed.minute(start, {}, 200);
  feed.close_before(start + 10);
  for (std::int64_t minute = start + 10; minute < start + 1440; ++minute) feed.minute(minute, {}, 1);
  ASSERT_GE(feed.said().size(), 2U);
  EXPECT_EQ(format_time(feed.said()[0].event_time), "2024-02-29T12:00:00Z");
  EXPECT_EQ(feed.said()[0].baseline, (event::CallRate{7 * 1440 + 12 * 60, 7 * 1440 + 12 * 60}));
  EXPECT_EQ(format_time(feed.said()[1].event_time), "2024-02-29T12:01:00Z");
}

/// A job of every morning, and one that does not come.
TEST(InsightsLimits, ADailyBatchThatDoesNotComeIsMissed) {
  InsightsFeed feed;
  const auto day = [&](std::int64_t number, bool runs) {
    const std::int64_t midnight = kMonday + number * 1440;
    for (std::int64_t hour = 0; hour < 24; ++hour) {
      feed.minute(midnight + hour * 60, {.event_source = "sts.amazonaws.com", .event_name = "AssumeRole", .read_only = true});
      for (int minute = 0; runs && hour == 19 && minute < 4; ++minute) feed.minute(midnight + hour * 60 + 8 + minute + number % 3, {.event_name = "CopySnapshot"}, 40);
    }
  };
  for (std::int64_t number = 0; number < 28; ++number) day(number, true);
  EXPECT_EQ(feed.starts().size(), 0U);
  day(28, false);
  day(29, true);
  day(30, true);
  ASSERT_EQ(feed.said().size(), 2U);
  const event::Insight& start = feed.said()[0];
  event::PrintTo(start, &std::cout);
  std::cout << '\n';
  EXPECT_EQ(start.decided_by, event::DecidedBy::k28Hours);
  EXPECT_FALSE(start.is_upward);
  EXPECT_EQ(start.observed, 0);
  EXPECT_EQ(start.expected, 160);
  const std::int64_t due = kMonday + 28 * 1440 + 19 * 60 + 8;
  EXPECT_LE(minute_of(start.decision_time), due + 12 * 60) << "within 1.5 times its cadence, long before the next is due";
  EXPECT_FALSE(feed.said()[1].is_start);
}

}  // namespace
}  // namespace trailwarden::detectors
