#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "baseline/delay_histogram.h"
#include "baseline/region_row.h"

namespace trailwarden::baseline {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kMonday = 28'401'120;  // 2024-01-01T00:00Z, a Monday
constexpr std::int64_t kDay = 1440;

TEST(DelayHistogram, TheBoundIsTwiceThePercentileAndNeverLessThanAQuarterOfAnHour) {
  DelayHistogram delays;
  EXPECT_EQ(delays.bound(), 15);
  for (int i = 0; i < 980; ++i) delays.add(100s);
  EXPECT_EQ(delays.p99(), 2);
  EXPECT_EQ(delays.bound(), 15);
  for (int i = 0; i < 20; ++i) delays.add(31min);
  EXPECT_EQ(delays.p99(), 60);
  EXPECT_EQ(delays.bound(), 120);
  for (int i = 0; i < 50; ++i) delays.add(24h);
  EXPECT_EQ(delays.p99(), 720) << "beyond the last edge";
}

TEST(DelayHistogram, WhatIsLaterThanNineteenOfTwentyDoesNotCountForever) {
  DelayHistogram delays;
  for (int i = 0; i < 200; ++i) delays.add(3h);
  EXPECT_EQ(delays.p99(), 360);
  for (int day = 0; day < 9; ++day) {
    for (int i = 0; i < 200; ++i) delays.add(90s);
    delays.halve();
  }
  EXPECT_EQ(delays.p99(), 2);
}

TEST(DelayHistogram, EdgesBelongToTheirClass) {
  for (const auto& [delay, p99] : {std::pair{0s, 1}, std::pair{60s, 1}, std::pair{61s, 2}, std::pair{std::chrono::seconds{15min}, 15}, std::pair{-5s, 1}}) {
    DelayHistogram delays;
    delays.add(delay);
    EXPECT_EQ(delays.p99(), p99) << delay.count();
  }
}

/// One row whose minutes close as the clock goes.
struct Watched {
  explicit Watched(std::uint64_t key = 7) : row(key) {}

  void go(std::int64_t from, std::int64_t to, const std::function<std::uint32_t(std::int64_t)>& count) {
    for (std::int64_t minute = from; minute < to; ++minute) {
      for (std::uint32_t n = count(minute); n > 0; --n) row.count(minute);
      row.close_before(minute + 1, pass);
      look = row.look(minute + 1, {});
    }
  }
  /// Minutes of silence from `from` on until `is_told`, of at most `most`.
  std::optional<std::int64_t> silence_until_told(std::int64_t from, std::int64_t most) {
    for (std::int64_t m = 1; m <= most; ++m) {
      row.close_before(from + m, pass);
      look = row.look(from + m, {});
      if (look.is_lasting && look.score >= 5 && look.tail <= 0.05) return m;
    }
    return std::nullopt;
  }

  RegionRow row;
  MinutePass pass;
  Quietness look;
};

std::uint32_t draw(std::int64_t minute, double mean) {
  std::mt19937 random(static_cast<std::uint32_t>(minute));
  return static_cast<std::uint32_t>(std::poisson_distribution<>(mean)(random));
}

struct CadenceCase {
  const char* name;
  std::int64_t period, jitter;
};
void PrintTo(const CadenceCase& c, std::ostream* out) { *out << c.name; }
class Cadence : public ::testing::TestWithParam<CadenceCase> {};

TEST_P(Cadence, IsMissedWithinHalfOfItMore) {
  const auto& [name, period, jitter] = GetParam();
  Watched watched;
  std::int64_t last = 0;
  const std::int64_t end = kMonday + 28 * kDay;
  watched.go(kMonday, end, [&](std::int64_t minute) {
    const bool runs = minute % period == static_cast<std::int64_t>(draw(minute / period, 5) * 97 % static_cast<std::uint32_t>(jitter + 1));
    if (runs) last = minute;
    return runs ? 3U : 0U;
  });
  const auto told = watched.silence_until_told(end, 3 * period);
  ASSERT_TRUE(told.has_value());
  const std::int64_t silent = end + *told - last;
  EXPECT_LE(silent, period * 3 / 2 + jitter);
  EXPECT_GT(silent, period + jitter);
}

INSTANTIATE_TEST_SUITE_P(Timers, Cadence, ::testing::Values(
    CadenceCase{"EveryTenMinutes", 10, 0},
    CadenceCase{"Hourly", 60, 0},
    CadenceCase{"HourlyGiveOrTakeTwoMinutes", 60, 2},
    CadenceCase{"EverySixHours", 360, 5},
    CadenceCase{"Daily", 1440, 10}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(RegionRow, ABusyAccountIsMissedWithinMinutes) {
  Watched watched;
  watched.go(kMonday, kMonday + 10 * kDay, [](std::int64_t minute) { return draw(minute, 12); });
  EXPECT_LE(watched.silence_until_told(kMonday + 10 * kDay, 60).value_or(999), 20);
}

/// Office hours of weekdays, now and then a call.
std::uint32_t office(std::int64_t minute) {
  const HourOfWeek hour = hour_of_week(minute);
  return !hour.weekend && hour.hour_of_day >= 8 && hour.hour_of_day < 18 ? draw(minute, 0.2) : 0;
}

TEST(RegionRow, NightsAndWeekendsOfAnOfficeAreNoSilence) {
  Watched watched;
  for (std::int64_t day = 0; day < 42; ++day) {
    for (std::int64_t quarter = 0; quarter < 96; ++quarter) {
      const std::int64_t at = kMonday + day * kDay + quarter * 15;
      watched.go(at, at + 15, office);
      if (day < 7) continue;
      ASSERT_FALSE(watched.look.is_lasting && watched.look.tail <= 0.05) << "day " << day << " quarter " << quarter;
    }
  }
}

TEST(RegionRow, AHolidayOfAnOfficeIsNoSilence) {
  Watched watched;
  watched.go(kMonday, kMonday + 28 * kDay, office);
  // A long weekend: Friday and Monday too.
  watched.go(kMonday + 28 * kDay, kMonday + 32 * kDay, office);
  for (std::int64_t day = 32; day < 36; ++day) {
    for (std::int64_t quarter = 0; quarter < 96; ++quarter) {
      const std::int64_t at = kMonday + day * kDay + quarter * 15;
      watched.go(at, at + 15, [](std::int64_t) { return 0U; });
      ASSERT_FALSE(watched.look.is_lasting && watched.look.tail <= 0.05) << "day " << day << " quarter " << quarter;
    }
  }
}

TEST(RegionRow, WhatIsMissingIsNotLearned) {
  Watched watched;
  const std::int64_t end = kMonday + 10 * kDay;
  watched.go(kMonday, end, [](std::int64_t minute) { return draw(minute, 2); });
  const double level = watched.row.level();
  watched.silence_until_told(end, 1);
  for (std::int64_t m = 2; m < 2 * kDay; ++m) watched.row.close_before(end + m, watched.pass);
  EXPECT_EQ(watched.row.level(), level) << "a dead trail does not become normal";
  // And then everything comes, two days late.
  for (std::int64_t m = 0; m < 2 * kDay; ++m) {
    for (std::uint32_t n = draw(end + m, 2); n > 0; --n) watched.row.count(end + m);
    watched.row.close_before(end + 2 * kDay, watched.pass);
  }
  EXPECT_NEAR(watched.row.level(), level, 0.1 * level);
  EXPECT_LT(watched.row.longest_gap(), 30);
}

TEST(RegionRow, WhatTheLogsClockStoodStillForIsNotMissed) {
  Watched watched;
  const std::int64_t end = kMonday + 10 * kDay;
  watched.go(kMonday, end, [](std::int64_t minute) { return draw(minute, 2); });
  watched.row.close_before(end + kDay, watched.pass);
  const RegionRow::Pause pause{end, end + kDay};
  const std::int64_t before = watched.look.minutes;
  EXPECT_EQ(watched.row.look(end + kDay, pause).minutes, before);
  EXPECT_EQ(watched.row.look(end + kDay + 20, pause).minutes, before + 20);
}

TEST(RegionRow, ASilenceThatWasToldOfIsNotOneToGetUsedTo) {
  Watched watched;
  const std::int64_t end = kMonday + 10 * kDay;
  const auto busy = [](std::int64_t minute) { return draw(minute, 2); };
  watched.go(kMonday, end, busy);
  EXPECT_TRUE(watched.silence_until_told(end, 300).has_value());
  watched.row.disown();
  watched.go(end + 300, end + 400, busy);
  EXPECT_LT(watched.row.longest_gap(), 30);
  watched.go(end + 500, end + 600, busy);
  EXPECT_GE(watched.row.longest_gap(), 100) << "that one nobody spoke of";
}

TEST(RegionRow, ARowThatWasSavedGoesOnAsIfNothingHadBeen) {
  Watched stays;
  std::unique_ptr<Watched> loaded = std::make_unique<Watched>();
  const auto traffic = [](std::int64_t minute) { return minute % 4000 < 400 ? 0U : draw(minute, 0.7); };
  for (std::int64_t m = kMonday; m < kMonday + 3 * kDay; m += 37) {
    stays.go(m, m + 37, traffic);
    loaded->go(m, m + 37, traffic);
    ByteWriter a, b;
    stays.row.save(a);
    loaded->row.save(b);
    ASSERT_EQ(a.bytes(), b.bytes());
    ASSERT_EQ(stays.look.tail, loaded->look.tail);
    auto next = std::make_unique<Watched>();
    ByteReader in(b.bytes());
    ASSERT_TRUE(next->row.load(in).has_value());
    ASSERT_TRUE(in.finish().has_value());
    loaded = std::move(next);
  }
}

TEST(RegionRow, ARowOfAnotherAccountIsRefused) {
  Watched one;
  one.go(kMonday, kMonday + 10, [](std::int64_t) { return 1U; });
  ByteWriter out;
  one.row.save(out);
  RegionRow other(8);
  ByteReader in(out.bytes());
  EXPECT_FALSE(other.load(in).has_value());
}

TEST(MinutePass, AFrozenMinuteTeachesNothingAndJudgesNoSilence) {
  SeriesTable table(SeriesKind::kCalls);
  table.add(5, 0);
  table.begin(0, kMonday, kJudged | kOfInterest);
  MinutePass pass;
  const std::vector<Scope> scopes{{.alpha = 0.01}};
  std::vector<Transition> transitions;
  const auto close = [&](std::int64_t minute, std::uint32_t count, bool frozen) {
    const std::array<MinuteInput::Count, 1> one{{{0, count}}};
    table.close({.minute = minute, .counts = {one.data(), count == 0 ? 0U : 1U}, .frozen = frozen, .scopes = scopes}, pass, transitions);
  };
  std::int64_t minute = kMonday;
  for (; minute < kMonday + 7 * kDay; ++minute) close(minute, minute % 30 == 0 ? 5 : 0, false);
  transitions.clear();
  const auto [block, r] = table.at(0);
  const float level = level_of(block, r, table.pools()).calls_per_minute, gap = block.gap_length[1][r];
  for (const std::int64_t end = minute + kDay; minute < end; ++minute) close(minute, 0, true);
  EXPECT_TRUE(transitions.empty());
  EXPECT_NEAR(level_of(block, r, table.pools()).calls_per_minute, level, 0.01 * static_cast<double>(level));
  EXPECT_EQ(block.gap_length[1][r], gap);
  for (const std::int64_t end = minute + kDay; minute < end; ++minute) close(minute, 0, false);
  EXPECT_FALSE(transitions.empty()) << "what the same silence says otherwise";
}

TEST(MinutePass, TwoHoursWithAFrozenMinuteAreUnknown) {
  SeriesTable table(SeriesKind::kCalls);
  table.add(5, 0);
  table.begin(0, kMonday, kJudged | kOfInterest);
  MinutePass pass;
  const std::vector<Scope> scopes{{.alpha = 0.01}};
  std::vector<Transition> transitions;
  const std::array<MinuteInput::Count, 1> one{{{0, 1}}};
  const auto is_frozen = [](std::int64_t minute) { return minute == kMonday + kDay + 130 || minute == kMonday + kDay + 479; };
  const std::int64_t end = kMonday + kDay + 600;
  for (std::int64_t minute = kMonday; minute < end; ++minute) table.close({.minute = minute, .counts = one, .frozen = is_frozen(minute), .scopes = scopes}, pass, transitions);
  const auto [block, r] = table.at(0);
  for (std::int64_t first = end - static_cast<std::int64_t>(kBlockRing) * kBlockMinutes; first < end; first += kBlockMinutes) {
    const std::int64_t since = first - kMonday - kDay;
    EXPECT_EQ(block.block_count[static_cast<std::size_t>(first / kBlockMinutes) % kBlockRing][r], since == 120 || since == 360 ? kUnknownBlock : kBlockMinutes) << since;
  }
}

}  // namespace
}  // namespace trailwarden::baseline
