// Traffic in which nothing happens: what is said is false, and was promised to be rare.

#include <cmath>
#include <cstdlib>
#include <iostream>

#include <gtest/gtest.h>

#include "testing/draw.h"
#include "testing/insights_feed.h"

namespace trailwarden::detectors {
namespace {

using testing::Draw;

constexpr int kDays = 30;

/// 500, or as many as TRAILWARDEN_NULL_SERIES says (`scripts/test --all`: 10,000).
int series() {
  const char* const wanted = std::getenv("TRAILWARDEN_NULL_SERIES");
  return wanted == nullptr ? 500 : std::atoi(wanted);
}

enum class Kind { kPoisson, kBatches, kSeasonal };

int count_of(Kind kind, double rate, std::int64_t minute, Draw& draw) {
  constexpr double kBatch = 3;
  if (kind == Kind::kPoisson) return draw.poisson(rate);
  if (kind == Kind::kBatches) {
    int calls = 0;
    for (int batches = draw.poisson(rate / kBatch); batches > 0; --batches) calls += draw.geometric(kBatch);
    return calls;
  }
  const double hour = static_cast<double>(minute % 1440) / 60;
  const bool weekend = (minute / 1440 + 3) % 7 >= 5;
  return draw.poisson(rate * (weekend ? 0.3 : 1.0) * (1 + 0.9 * std::sin((hour - 8) * 3.14159265 / 12)));
}

std::size_t false_insights(Kind kind, double budget_per_week, std::uint64_t seed) {
  constexpr std::int64_t kFirst = 28'927'080 / 1440 * 1440;
  const int count = series();
  testing::InsightsFeed feed({.false_insights_per_week = budget_per_week});
  Draw draw(seed);
  std::vector<std::string> names;
  std::vector<double> rates;
  for (int i = 0; i < count; ++i) {
    names.push_back("Update" + std::to_string(i));
    rates.push_back(std::pow(10.0, -2.5 + 2.8 * draw.uniform()));  // 0.003 to 2 calls a minute
  }
  for (std::int64_t minute = kFirst; minute < kFirst + kDays * 1440; ++minute) {
    for (int i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const int calls = count_of(kind, rates[at], minute, draw);
      if (calls > 0) feed.minute(minute, {.event_name = names[at]}, calls);
    }
  }
  feed.finish();
  for (const event::Insight& insight : feed.starts()) {
    event::PrintTo(insight, &std::cout);
    std::cout << '\n';
  }
  return feed.starts().size();
}

class Nulls : public ::testing::TestWithParam<Kind> {};

TEST_P(Nulls, CostNoMoreFalseInsightsThanAskedFor) {
  constexpr double kBudget = 5, kWeeks = kDays / 7.0;
  const std::size_t got = false_insights(GetParam(), kBudget, 17 + static_cast<std::uint64_t>(GetParam()));
  std::cout << got << " false Insights in " << kWeeks << " weeks, " << kBudget * kWeeks << " asked for\n";
  EXPECT_LE(static_cast<double>(got), 1.25 * kBudget * kWeeks);
}

INSTANTIATE_TEST_SUITE_P(Traffic, Nulls, ::testing::Values(Kind::kPoisson, Kind::kBatches, Kind::kSeasonal), [](const auto& which) {
  return which.param == Kind::kPoisson ? "Poisson" : which.param == Kind::kBatches ? "Batches" : "Seasonal";
});

}  // namespace
}  // namespace trailwarden::detectors
