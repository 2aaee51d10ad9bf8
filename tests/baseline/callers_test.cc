#include "baseline/callers.h"

#include <array>

#include <gtest/gtest.h>

#include "baseline/constants.h"
#include "baseline/saved_order.h"
#include "testing/draw.h"

namespace trailwarden::baseline {
namespace {

constexpr std::int64_t kStart = 28'927'080;  // a minute of the year 2024
constexpr std::int64_t kOpen = 5;
constexpr std::uint32_t kApis = 6;
constexpr std::array<std::uint64_t, 4> kCallersOf{0xa11ce, 0xb0b, 0xca401, 0xda7e};
constexpr std::uint64_t kMallory = 0x3a1104;

/// Two records of the same traffic, one of which never hears of Mallory.
class ForgetCaller : public ::testing::Test {
 protected:
  ForgetCaller() {
    std::vector<Verdict> verdicts;
    cell_.wake(kStart, kStart);
    for (const char* name : {"A", "B", "C", "D", "E", "F"}) cell_.count({"ec2.amazonaws.com", name, {}}, kStart, verdicts);
  }

  /// Minutes with no call, some, or only Mallory's; each closes when it is `kOpen` old.
  void feed(std::int64_t minutes) {
    for (const std::int64_t end = now_ + minutes; now_ < end; ++now_) {
      for (int calls = draw_.poisson(1); calls > 0; --calls) {
        const double who = draw_.uniform();
        count(who < 0.3 ? kMallory : kCallersOf[static_cast<std::size_t>(who * 4)], static_cast<std::uint32_t>(draw_.uniform() * kApis), draw_.uniform() < 0.3);
      }
      with_.close(now_ - kOpen + 1);
      without_.close(now_ - kOpen + 1);
    }
  }
  void count(std::uint64_t caller, std::uint32_t api, bool failed) {
    with_.count(caller, api, failed, now_);
    if (caller != kMallory) without_.count(caller, api, failed, now_);
  }

  std::string saved(const Callers& callers) const {
    ByteWriter out;
    callers.save(out, SavedOrder(cell_), now_ - kOpen + 1);
    return std::move(out).bytes();
  }
  void expect_the_same() const {
    EXPECT_EQ(with_.known(), without_.known());
    EXPECT_TRUE(saved(with_) == saved(without_));
    for (std::int64_t minute = now_ - kOpen; minute < now_; ++minute)
      for (std::uint32_t api = 0; api < kApis; ++api)
        for (const bool of_failures : {false, true}) {
          EXPECT_EQ(with_.evidence(api, of_failures, minute), without_.evidence(api, of_failures, minute));
          EXPECT_EQ(with_.is_on_one(api, of_failures, minute), without_.is_on_one(api, of_failures, minute));
        }
  }

  const BaselineSettings settings_;
  CellBaseline cell_{settings_, "111111111111", "eu-west-1"};  // for the order of its APIs
  testing::Draw draw_{5};
  Callers with_{kOpen}, without_{kOpen};
  std::int64_t now_ = kStart;
};

TEST_F(ForgetCaller, IsAsIfItHadNeverCalled) {
  feed(8 * 1440);
  EXPECT_EQ(with_.known(), without_.known() + 1);
  EXPECT_FALSE(saved(with_) == saved(without_));
  EXPECT_TRUE(with_.forget(kMallory));
  expect_the_same();
  // Others go on in minutes that it was taken out of.
  --now_;
  for (std::uint32_t api = 0; api < kApis; ++api) count(kCallersOf[api % 4], api, api % 2 == 0);
  ++now_;
  expect_the_same();
}

TEST_F(ForgetCaller, AfterwardsItIsNew) {
  feed(8 * 1440);
  for (const std::int64_t end = now_ + 20; now_ < end; ++now_) with_.close(now_ - kOpen + 1);  // so that it is only on what comes now
  const auto evidence = [&] {
    with_.count(kMallory, 0, false, now_);
    return with_.evidence(0, false, now_);
  };
  EXPECT_EQ(evidence(), 0);
  EXPECT_TRUE(with_.forget(kMallory));
  EXPECT_EQ(evidence(), kCallerDecades);
}

TEST_F(ForgetCaller, WhoNeverCalledIsNotThere) {
  feed(100);
  const std::string before = saved(without_);
  EXPECT_FALSE(without_.forget(kMallory));
  EXPECT_FALSE(without_.forget(0)) << "nobody";
  EXPECT_TRUE(saved(without_) == before);
}

}  // namespace
}  // namespace trailwarden::baseline
