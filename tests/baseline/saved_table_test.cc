#include <algorithm>
#include <numeric>
#include <random>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "baseline/incident.h"
#include "baseline/section_frame.h"
#include "baseline/series_table.h"
#include "baseline/space_saving.h"

namespace trailwarden::baseline {
namespace {

constexpr std::int64_t kStart = 28'927'080;  // a minute of the year 2024

/// A table with its minutes closed one by one; row i counts what series `number_of[i]` does, so that tables with other orders of rows see the same.
struct Drill {
  explicit Drill(std::vector<std::uint32_t> series) : series_of(std::move(series)) {
    for (const std::uint32_t s : series_of) {
      const std::uint32_t row = table.add(std::uint64_t{s} << 40, 0);
      table.begin(row, kStart, kJudged | kOfInterest);
    }
  }

  void close(std::int64_t minute) {
    std::vector<MinuteInput::Count> counts;
    for (std::uint32_t row = 0; row < series_of.size(); ++row)
      if (const std::uint32_t count = count_of(series_of[row], minute); count > 0) counts.push_back({row, count});
    table.close({.minute = minute, .counts = counts, .scopes = scopes}, pass, transitions);
    if (minute % 1440 == 1439) table.pool_dispersions();
  }

  /// Most series have a call now and then; some have a hundred thousand a minute for a while.
  static std::uint32_t count_of(std::uint32_t series, std::int64_t minute) {
    const auto random = static_cast<std::uint32_t>(splitmix(series, minute) >> 40);
    if (series % 97 == 5 && minute / 40 % 3 == 1) return 90'000 + random % 20'000;
    return random % 11 < 3 ? random % 7 : 0;
  }
  static std::uint64_t splitmix(std::uint32_t series, std::int64_t minute) {
    std::uint64_t word = (std::uint64_t{series} << 32 ^ static_cast<std::uint64_t>(minute)) * 0x9e3779b97f4a7c15ULL;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ULL;
    return word ^ (word >> 31);
  }

  std::string saved() const {
    std::vector<std::uint32_t> order(series_of.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) { return series_of[a] < series_of[b]; });
    ByteWriter out;
    table.save(out, order);
    return std::move(out).bytes();
  }

  std::vector<std::uint32_t> series_of;
  SeriesTable table{SeriesKind::kCalls};
  MinutePass pass;
  std::vector<Scope> scopes{{.alpha = 0.01}};
  std::vector<Transition> transitions;
};

TEST(SavedTable, GoesOnInAnyOrderOfItsRows) {
  constexpr std::uint32_t kSeries = 2500;  // more than a block
  std::vector<std::uint32_t> ascending(kSeries), shuffled(kSeries);
  std::iota(ascending.begin(), ascending.end(), 0U);
  shuffled = ascending;
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(1));
  Drill one(ascending), other(shuffled);
  std::uint32_t widest = 0;
  for (std::int64_t minute = kStart; minute < kStart + 3000; ++minute) {
    if (minute % 311 == 0) {
      const std::string saved = other.saved();
      ASSERT_EQ(saved == one.saved(), true) << "at minute " << minute - kStart;
      widest = std::max(widest, one.table.minute_count(5, minute - 1));
      SeriesTable loaded(SeriesKind::kCalls);
      ByteReader in(saved);
      ASSERT_TRUE(loaded.load(in, kSeries).has_value());
      ASSERT_TRUE(in.finish().has_value());
      EXPECT_EQ(loaded.memory_bytes(), other.table.memory_bytes());
      other.table = std::move(loaded);
      other.series_of = ascending;  // as loaded
    }
    one.close(minute);
    other.close(minute);
  }
  EXPECT_EQ(one.saved() == other.saved(), true);
  EXPECT_GT(one.transitions.size(), 10U);
  EXPECT_GT(widest, 65'535U);
}

TEST(SavedTable, ACutTableIsRefusedBeforeRoomIsMade) {
  Drill drill({1, 2, 3});
  const std::string saved = drill.saved();
  SeriesTable loaded(SeriesKind::kCalls);
  ByteReader in(saved);
  EXPECT_FALSE(loaded.load(in, UINT32_MAX).has_value());
}

RC_GTEST_PROP(SavedSketch, KeepsTheOrderOfItsCounters, (const std::vector<std::uint8_t>& before, const std::vector<std::uint8_t>& after)) {
  SpaceSaving<std::uint32_t> sketch(4), loaded(4);
  for (const std::uint8_t value : before) sketch.add(value % 16);
  sketch.decay(0.82);
  ByteWriter out;
  sketch.save(out, [](std::uint32_t value) { return value + 100; });
  ByteReader in(out.bytes());
  RC_ASSERT(loaded.load(in, [](std::uint32_t number) { return std::optional(number - 100); }).has_value());
  RC_ASSERT(in.finish().has_value());
  for (const std::uint8_t value : after)
    for (auto* each : {&sketch, &loaded}) each->add(value % 16);
  RC_ASSERT(sketch.total() == loaded.total());
  RC_ASSERT(sketch.counters().size() == loaded.counters().size());
  for (std::size_t i = 0; i < sketch.counters().size(); ++i) {
    RC_ASSERT(sketch.counters()[i].value == loaded.counters()[i].value);
    RC_ASSERT(sketch.counters()[i].count == loaded.counters()[i].count);
  }
}

TEST(SavedExtent, GoesOn) {
  Extent whole(kStart, 7.5, Direction::kUp);
  for (int i = 0; i < 20; ++i) {
    ByteWriter out;
    whole.save(out);
    ByteReader in(out.bytes());
    Extent loaded(kStart, 7.5, Direction::kUp);
    ASSERT_TRUE(loaded.load(in).has_value());
    for (Extent* each : {&whole, &loaded}) {
      each->add({kStart + i, 1, i < 9 ? 8.0 + i : 0.1, 0.3});
      each->add_late(kStart + 3);
    }
    EXPECT_EQ(loaded.end(), whole.end());
    EXPECT_EQ(loaded.count(), whole.count());
  }
}

TEST(SectionFrame, ASectionIsReadWholeOrRefused) {
  constexpr SectionKind kFirst{1, 1, "first"}, kSecond{2, 1, "second"};
  ByteWriter out;
  SectionWriter sections(out);
  sections.add(kFirst, 2, [](ByteWriter& bytes) { bytes.number(std::uint32_t{7}); });
  const auto take = [&](const SectionKind& kind, auto read) {
    ByteReader in(out.bytes());
    auto reader = SectionReader::open(in);
    const auto done = reader->read(kind, read);
    return done ? std::string("fine") : done.error().message;
  };
  const auto whole = [](ByteReader& bytes, std::uint32_t rows) -> Result<void> {
    EXPECT_EQ(rows, 2U);
    EXPECT_EQ(bytes.number<std::uint32_t>(), 7U);
    return {};
  };
  const auto nothing = [](ByteReader&, std::uint32_t) -> Result<void> { return {}; };
  EXPECT_EQ(take(kFirst, whole), "fine");
  EXPECT_EQ(take(kFirst, nothing), "first: saved state has bytes left over");
  EXPECT_EQ(take(kSecond, whole), "second: another section, number 1, is in its place");
}

}  // namespace
}  // namespace trailwarden::baseline
