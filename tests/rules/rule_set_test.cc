#include "rules/rule_set.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/hash.h"
#include "rules/event_pattern.h"
#include "testing/rule_cases.h"

namespace trailwarden::rules {
namespace {

std::vector<std::uint8_t> random_bytes(std::uint64_t seed) {
  std::vector<std::uint8_t> bytes(200 + splitmix64(seed) % 800);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(splitmix64(seed * 1'000 + i) >> 32);
  return bytes;
}

TEST(RuleSet, AgreesWithTheNaiveEvaluator) {
  std::size_t held = 0;
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    const auto c = testing::rule_case(random_bytes(seed));
    const auto difference = testing::disagreement(c);
    ASSERT_EQ(difference, std::nullopt) << "seed " << seed;
    held += c.predicates.size();
  }
  EXPECT_GT(held, 20'000U);
}

}  // namespace
}  // namespace trailwarden::rules
