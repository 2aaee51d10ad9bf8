#include "pipeline/dedup_window.h"

#include <set>
#include <utility>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace trailwarden::pipeline {
namespace {

TEST(DedupWindow, TellsTheFirstFromRepeats) {
  DedupWindow seen(17);
  EXPECT_TRUE(seen.insert(100, 7));
  EXPECT_FALSE(seen.insert(100, 7));
  EXPECT_TRUE(seen.insert(101, 7));
  EXPECT_TRUE(seen.insert(100, 0));
  EXPECT_FALSE(seen.insert(100, 0));
}

TEST(DedupWindow, ForgetsClosedMinutesOnly) {
  DedupWindow seen(17);
  seen.insert(-1, 7);
  seen.insert(0, 7);
  seen.close_before(0);
  EXPECT_TRUE(seen.insert(-1, 7));
  EXPECT_FALSE(seen.insert(0, 7));
}

TEST(DedupWindow, GivesBackTheMemoryOfABusyMinute) {
  DedupWindow seen(2);
  for (std::uint64_t id = 1; id < 100'000; ++id) seen.insert(0, id);
  const std::size_t busy = seen.memory_bytes();
  seen.insert(2, 1);  // the ring comes round
  seen.insert(4, 1);
  EXPECT_LT(seen.memory_bytes(), busy / 10);
}

TEST(DedupWindow, KeepsTheNewestMinutesThatFitASmallerWindow) {
  DedupWindow wide(17), narrow(5);
  for (std::int64_t minute = 100; minute < 117; ++minute) wide.insert(minute, 7);
  ByteWriter out;
  wide.save(out);
  ByteReader in(out.bytes());
  ASSERT_TRUE(narrow.load(in).has_value());
  EXPECT_TRUE(in.finish().has_value());
  for (std::int64_t minute = 112; minute < 117; ++minute) EXPECT_FALSE(narrow.insert(minute, 7)) << minute;
}

TEST(DedupWindow, ACountBeyondItsBytesIsRefused) {
  ByteWriter out;
  out.number(std::uint32_t{1});
  out.signed_number(100);
  out.number(std::uint64_t{1} << 60);
  out.number(std::uint64_t{7});
  ByteReader in(out.bytes());
  EXPECT_FALSE(DedupWindow(17).load(in).has_value());
}

RC_GTEST_PROP(DedupWindow, IsASetAndComesBackFromItsBytes, (const std::vector<std::pair<std::uint8_t, std::uint16_t>>& inserts)) {
  DedupWindow seen(17);
  std::set<std::pair<int, int>> model;
  std::size_t half = inserts.size() / 2;
  for (const auto& [minute, id] : inserts) {
    RC_ASSERT(seen.insert(minute % 17, id) == model.emplace(minute % 17, id == 0 ? 1 : id).second);
    if (half-- == 0) {
      ByteWriter out;
      seen.save(out);
      ByteReader in(out.bytes());
      DedupWindow loaded(17);
      RC_ASSERT(loaded.load(in).has_value());
      RC_ASSERT(in.finish().has_value());
      ByteWriter again;
      loaded.save(again);
      RC_ASSERT(again.bytes() == out.bytes());
      seen = std::move(loaded);
    }
  }
}

}  // namespace
}  // namespace trailwarden::pipeline
