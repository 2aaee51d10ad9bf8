#include "http/rate_limit.h"

#include <gtest/gtest.h>

namespace trailwarden::http {
namespace {

using namespace std::chrono_literals;

AddressKey address(unsigned char last) { return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, last}; }

int taken_of(RateLimit& limit, const AddressKey& who, int requests, RateLimit::Clock::time_point now) {
  int taken = 0;
  for (int i = 0; i < requests; ++i) taken += limit.take(who, now) ? 1 : 0;
  return taken;
}

constexpr RateLimit::Clock::time_point kStart{1'000s};

TEST(RateLimit, GivesTwoSecondsWorthAtOnceAndThenSoManyASecond) {
  RateLimit limit(10);
  EXPECT_EQ(taken_of(limit, address(1), 100, kStart), 20);
  EXPECT_EQ(taken_of(limit, address(1), 100, kStart + 99ms), 0);
  EXPECT_EQ(taken_of(limit, address(1), 100, kStart + 1s), 10);
  EXPECT_EQ(taken_of(limit, address(1), 100, kStart + 1h), 20) << "and no more, however long nothing came";
}

TEST(RateLimit, OthersHaveTheirOwn) {
  RateLimit limit(10);
  taken_of(limit, address(1), 100, kStart);
  int untouched = 0;
  for (unsigned char last = 2; last < 52; ++last) untouched += taken_of(limit, address(last), 20, kStart) == 20 ? 1 : 0;
  EXPECT_GE(untouched, 40) << "of 50; a few share a bucket";
}

TEST(RateLimit, LessThanOneASecondStillGivesOne) {
  RateLimit limit(0.1);
  EXPECT_EQ(taken_of(limit, address(1), 5, kStart), 1);
  EXPECT_EQ(taken_of(limit, address(1), 5, kStart + 9s), 0);
  EXPECT_EQ(taken_of(limit, address(1), 5, kStart + 11s), 1);
}

TEST(RateLimit, NoneIsNone) {
  RateLimit limit(0);
  EXPECT_EQ(taken_of(limit, address(1), 10'000, kStart), 10'000);
}

}  // namespace
}  // namespace trailwarden::http
