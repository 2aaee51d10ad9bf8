#include "baseline/space_saving.h"

#include <string>

#include <gtest/gtest.h>

namespace trailwarden::baseline {
namespace {

TEST(SpaceSaving, RenamedValuesAreOneAndNothingIsCountedLess) {
  SpaceSaving<std::string> sketch(5);
  for (const char* value : {"a", "b", "c", "b", "d", "a", "a"}) sketch.add(value);
  const auto is_old = [](const std::string& value) { return value == "b" || value == "d"; };
  EXPECT_EQ(sketch.rename(is_old, "x"), 2U);
  ASSERT_EQ(sketch.counters().size(), 3U);
  EXPECT_EQ(sketch.counters()[1].value, "x") << "where the older of them stood";
  EXPECT_EQ(sketch.counters()[1].count, 3);
  EXPECT_EQ(sketch.total(), 7);
  EXPECT_EQ(sketch.rename(is_old, "x"), 0U);
  EXPECT_EQ(sketch.rename([](const std::string& value) { return value == "a"; }, "x"), 1U) << "into one that is there already";
  ASSERT_EQ(sketch.counters().size(), 2U);
  EXPECT_EQ(sketch.counters()[0].value, "x");
  EXPECT_EQ(sketch.counters()[0].count, 6);
}

}  // namespace
}  // namespace trailwarden::baseline
