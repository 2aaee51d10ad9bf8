#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "generate/delivery.h"
#include "generate/random.h"
#include "generate/rhythm.h"
#include "generate/text_template.h"
#include "generate/words.h"

namespace trailwarden::generate {
namespace {

using namespace std::chrono_literals;

// Random: against its laws, with bounds of six standard errors.

constexpr int kDraws = 100'000;

template <class Draw>
std::pair<double, double> mean_and_variance(Draw draw) {
  double sum = 0.0, squares = 0.0;
  for (int i = 0; i < kDraws; ++i) {
    const auto value = static_cast<double>(draw());
    sum += value;
    squares += value * value;
  }
  const double mean = sum / kDraws;
  return {mean, squares / kDraws - mean * mean};
}

TEST(Random, IsSplitMix64) {
  Random random(1234567);  // the numbers of the reference implementation
  EXPECT_EQ(random.next(), 6457827717110365317u);
  EXPECT_EQ(random.next(), 3203168211198807973u);
}

TEST(Random, PoissonHasItsMeanAndVariance) {
  for (const double rate : {0.01, 0.7, 5.0, 31.9, 200.0}) {
    Random random(7);
    const auto [mean, variance] = mean_and_variance([&] { return random.poisson(rate); });
    EXPECT_NEAR(mean, rate, 6 * std::sqrt(rate / kDraws)) << rate;
    EXPECT_NEAR(variance, rate, 6 * std::sqrt((rate + 2 * rate * rate) / kDraws)) << rate;
  }
  EXPECT_EQ(Random(7).poisson(0.0), 0u);
}

TEST(Random, GeometricHasItsMeanAndStartsAtOne) {
  for (const double wanted : {1.0, 1.5, 4.0}) {
    Random random(7);
    const auto [mean, variance] = mean_and_variance([&] { return random.geometric(wanted); });
    EXPECT_NEAR(mean, wanted, 6 * std::sqrt(wanted * wanted / kDraws));
    EXPECT_NEAR(variance, wanted * (wanted - 1.0), 0.1 * wanted * wanted);
  }
  Random random(7);
  for (int i = 0; i < 1000; ++i) EXPECT_GE(random.geometric(3.0), 1u);
}

TEST(Random, NormalAndExponentialHaveTheirMoments) {
  Random random(7);
  const auto [middle, spread] = mean_and_variance([&] { return random.normal(); });
  EXPECT_NEAR(middle, 0.0, 6 / std::sqrt(kDraws));
  EXPECT_NEAR(spread, 1.0, 6 * std::sqrt(2.0 / kDraws));
  const auto [mean, variance] = mean_and_variance([&] { return random.exponential(3.0); });
  EXPECT_NEAR(mean, 3.0, 6 * 3 / std::sqrt(kDraws));
  EXPECT_NEAR(variance, 9.0, 6 * 9 * std::sqrt(8.0 / kDraws));
}

TEST(Random, PicksByWeight) {
  const std::vector<double> cumulative{1.0, 1.0, 4.0};  // weights 1, 0, 3
  std::vector<int> counts(3);
  Random random(7);
  for (int i = 0; i < kDraws; ++i) ++counts[random.pick(cumulative)];
  EXPECT_EQ(counts[1], 0);
  EXPECT_NEAR(counts[0], kDraws / 4.0, 6 * std::sqrt(kDraws * 0.25 * 0.75));
}

TEST(Random, NamesSeparateGenerators) {
  EXPECT_NE(Random::named(1, "a").next(), Random::named(1, "b").next());
  EXPECT_NE(Random::named(1, "a").next(), Random::named(2, "a").next());
  EXPECT_EQ(Random::named(1, "a").next(), Random::named(1, "a").next());
}

// Rhythm.

TEST(Rhythm, EveryCourseAveragesOneOverAWeek) {
  const Timestamp monday = *parse_user_time("2026-01-05");
  for (const Rhythm course : {Rhythm::kFlat, Rhythm::kMixed, Rhythm::kOffice, Rhythm::kNightly}) {
    double sum = 0.0;
    for (auto time = 0min; time < 7 * 24h; time += 10min) sum += level(course, monday + time);
    EXPECT_NEAR(sum / (7 * 24 * 6), 1.0, 1e-6);
  }
}

TEST(Rhythm, OfficesWorkOnWeekdaysAndJobsAtNight) {
  const Timestamp monday = *parse_user_time("2026-01-05");
  EXPECT_GT(level(Rhythm::kOffice, monday + 10h), 20 * level(Rhythm::kOffice, monday + 3h));
  EXPECT_GT(level(Rhythm::kOffice, monday + 10h), 5 * level(Rhythm::kOffice, monday + 5 * 24h + 10h));
  EXPECT_GT(level(Rhythm::kNightly, monday + 2h), 20 * level(Rhythm::kNightly, monday + 12h));
  EXPECT_LT(level(Rhythm::kFlat, monday + 10h), 1.2 * level(Rhythm::kFlat, monday + 3h));
}

TEST(Rhythm, HasNoSteps) {
  const Timestamp monday = *parse_user_time("2026-01-05");
  for (auto time = 0min; time < 7 * 24h; time += 1min)
    EXPECT_NEAR(level(Rhythm::kOffice, monday + time), level(Rhythm::kOffice, monday + time + 1min), 0.05);
}

// Template.

std::string filled(std::string_view text) {
  std::string out;
  Template(text).append([](char hole, std::string& to) { to.append("<").append(1, hole).append(">"); }, out);
  return out;
}

TEST(Template, FillsHoles) {
  EXPECT_EQ(filled("arn:$A:$r/x"), "arn:<A>:<r>/x");
  EXPECT_EQ(filled("$a$b"), "<a><b>");
  EXPECT_EQ(filled("plain"), "plain");
  EXPECT_EQ(filled(""), "");
}

// Words.

TEST(Words, HaveTheFormsOfAws) {
  EXPECT_EQ(hex(0x0123456789abcdefULL, 16), "0123456789abcdef");
  EXPECT_EQ(hex(0xfedc000000000000ULL, 4), "fedc");
  EXPECT_THAT(base32(12345, 17), ::testing::MatchesRegex("[A-Z2-7]+"));
  EXPECT_EQ(base32(12345, 17).size(), 17u);
  std::string uuid;
  append_uuid(~0ULL, 0, uuid);
  EXPECT_EQ(uuid, "ffffffff-ffff-4fff-8000-000000000000");
}

// Delivery.

TEST(Delivery, DelaysAsCloudTrailDoes) {
  Delivery delivery;
  Random random(7);
  const Timestamp time = *parse_user_time("2026-01-05");
  for (int i = 0; i < kDraws; ++i) delivery.add({.time = time + std::chrono::seconds(i % 300), .seed = random.next()});
  std::vector<std::chrono::seconds> first, second;
  std::map<std::uint64_t, Timestamp> stamps;
  while (const auto batch = delivery.take(kEndOfTime)) {
    for (const Delivered& delivered : batch->calls) {
      EXPECT_GT(delivered.arrival, delivered.call.time);
      EXPECT_LE(delivered.arrival, batch->stamp);
      EXPECT_LT(batch->stamp - delivered.arrival, kDeliveryPeriod);
      EXPECT_LE(batch->stamp - delivered.call.time, 14min);
      const bool is_first = stamps.emplace(delivered.call.seed, batch->stamp).second;
      (is_first ? first : second).push_back(delivered.arrival - delivered.call.time);
      if (!is_first) { EXPECT_GT(batch->stamp, stamps[delivered.call.seed]); }
    }
  }
  EXPECT_EQ(first.size(), static_cast<std::size_t>(kDraws));
  EXPECT_EQ(second.size(), delivery.duplicates());
  EXPECT_NEAR(static_cast<double>(second.size()), 0.02 * kDraws, 0.005 * kDraws);
  std::sort(first.begin(), first.end());
  EXPECT_NEAR(static_cast<double>(first[kDraws / 2].count()), 190.0, 5.0);
  EXPECT_NEAR(static_cast<double>(first[kDraws * 99 / 100].count()), 540.0, 60.0);
}

TEST(Delivery, KeepsWhatIsNotDueYet) {
  Delivery delivery;
  const Timestamp time = *parse_user_time("2026-01-05");
  delivery.add({.time = time, .seed = 1});
  EXPECT_FALSE(delivery.take(time));
  EXPECT_TRUE(delivery.take(time + 15min));
}

}  // namespace
}  // namespace trailwarden::generate
