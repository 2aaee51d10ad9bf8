#include "detectors/sliding_window.h"

#include <algorithm>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace trailwarden::detectors {
namespace {

using namespace std::chrono_literals;
using Counting = SlidingWindow::Counting;

constexpr Timestamp kStart{std::chrono::seconds{1'700'000'000}};

void add(SlidingWindow& window, std::chrono::seconds at, std::string target = "x", std::size_t enough = 100) { window.add({kStart + at, std::move(target), {}}, enough); }

std::size_t count_at(const SlidingWindow& window, std::chrono::seconds at, std::chrono::seconds length, std::size_t limit = 1) {
  const auto crossing = window.crossing(kStart + at, length, limit);
  return crossing ? crossing->count : 0;
}

TEST(SlidingWindow, EndsWithItsLastSecondAndLeavesOutWhatIsAWholeWindowOlder) {
  SlidingWindow window(Counting::kCalls);
  add(window, 0s);
  add(window, 299s);
  EXPECT_EQ(count_at(window, 299s, 5min), 2U);
  add(window, 300s);
  EXPECT_EQ(count_at(window, 300s, 5min), 2U) << "(0, 300] does not hold second 0";
}

TEST(SlidingWindow, ReachesItsLimitExactly) {
  SlidingWindow window(Counting::kCalls);
  for (int i = 0; i < 4; ++i) add(window, std::chrono::seconds{i});
  EXPECT_FALSE(window.crossing(kStart + 3s, 5min, 5));
  add(window, 4s);
  EXPECT_TRUE(window.crossing(kStart + 4s, 5min, 5));
}

TEST(SlidingWindow, ALateCallCountsInEveryWindowThatHoldsIt) {
  SlidingWindow window(Counting::kCalls);
  add(window, 0s);
  add(window, 400s);
  EXPECT_EQ(count_at(window, 400s, 5min), 1U);
  add(window, 200s);
  EXPECT_EQ(count_at(window, 200s, 5min, 2), 2U) << "(-100, 200] ends first";
  const auto crossing = window.crossing(kStart + 200s, 15min, 3);
  ASSERT_TRUE(crossing);
  EXPECT_EQ(crossing->calls.front().time, kStart);
  EXPECT_EQ(crossing->calls.back().time, kStart + 400s);
}

TEST(SlidingWindow, AWholeSecondCountsAtOnce) {
  SlidingWindow window(Counting::kCalls);
  for (int i = 0; i < 3; ++i) add(window, 7s);
  EXPECT_EQ(count_at(window, 7s, 5min), 3U);
}

TEST(SlidingWindow, CountsATargetOnce) {
  SlidingWindow window(Counting::kTargets);
  for (const char* target : {"a", "b", "a", "c", "a"}) add(window, 7s, target);
  EXPECT_EQ(count_at(window, 7s, 5min), 3U);
}

TEST(SlidingWindow, KeepsNoMoreThanCanMatter) {
  SlidingWindow calls(Counting::kCalls), targets(Counting::kTargets);
  for (int i = 0; i < 10'000; ++i) {
    add(calls, std::chrono::seconds{i}, "x", 20);
    add(targets, std::chrono::seconds{i}, fmt::format("{}", i % 10), 20);
  }
  EXPECT_EQ(calls.size(), 20U);
  EXPECT_LE(targets.size(), 10U * 2 * 26) << "at most two calls on a target in five minutes of two hours";
  for (int i = 10'000; i < 20'000; ++i) add(targets, std::chrono::seconds{i}, fmt::format("{}", i), 20);
  EXPECT_EQ(targets.size(), 20U);
}

TEST(SlidingWindow, SaysWhenThereMayHaveBeenMore) {
  SlidingWindow window(Counting::kCalls);
  for (int i = 0; i < 5; ++i) add(window, std::chrono::seconds{i}, "x", 5);
  EXPECT_FALSE(window.crossing(kStart + 4s, 5min, 5)->is_least);
  add(window, 5s, "x", 5);
  EXPECT_TRUE(window.crossing(kStart + 5s, 5min, 5)->is_least);
  for (int i = 0; i < 5; ++i) add(window, 1h + std::chrono::seconds{i}, "x", 5);
  EXPECT_FALSE(window.crossing(kStart + 1h + 4s, 5min, 5)->is_least) << "what was forgotten is an hour old";
}

/// Whether some window that holds `at` has reached the limit, by looking at every one.
bool crosses_by_definition(const std::vector<SlidingWindow::Call>& calls, Timestamp at, std::chrono::seconds length, std::size_t limit, Counting counting) {
  for (Timestamp end = at; end < at + length; end += 1s) {
    std::multiset<std::string> inside;
    for (const auto& call : calls)
      if (call.time > end - length && call.time <= end) inside.insert(call.target);
    const std::size_t count = counting == Counting::kCalls ? inside.size() : std::set<std::string>(inside.begin(), inside.end()).size();
    if (count >= limit) return true;
  }
  return false;
}

class AgainstTheDefinition : public ::testing::TestWithParam<Counting> {};

TEST_P(AgainstTheDefinition, AlarmsExactlyWhenAWindowReachesItsLimit) {
  std::mt19937_64 random(20260501);
  for (int round = 0; round < 40; ++round) {
    SlidingWindow window(GetParam());
    std::vector<SlidingWindow::Call> all;
    const std::size_t enough = 6;
    std::chrono::seconds now{0};
    const bool in_order = round % 2 == 0;
    for (int i = 0; i < 60; ++i) {
      now += std::chrono::seconds{random() % 200};
      // Out of order, but not so much that what a window needs has been forgotten.
      const std::chrono::seconds at = in_order ? now : now - std::chrono::seconds{random() % 120};
      const std::string target = fmt::format("t{}", random() % 8);
      all.push_back({kStart + at, target, {}});
      window.add(all.back(), in_order ? enough : 1'000);
      for (const auto length : {5min, 15min, 60min})
        for (const std::size_t limit : {std::size_t{1}, std::size_t{3}, enough})
          ASSERT_EQ(window.crossing(kStart + at, length, limit).has_value(), crosses_by_definition(all, kStart + at, length, limit, GetParam()))
              << "round " << round << " call " << i << " limit " << limit << " in " << length.count() << " min";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Counting, AgainstTheDefinition, ::testing::Values(Counting::kCalls, Counting::kTargets),
                         [](const auto& row) { return row.param == Counting::kCalls ? "Calls" : "Targets"; });

}  // namespace
}  // namespace trailwarden::detectors
