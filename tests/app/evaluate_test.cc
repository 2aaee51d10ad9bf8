#include "app/evaluate.h"

#include <cmath>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/read_file.h"
#include "testing/suite_folder.h"

namespace trailwarden::app {
namespace {

using ::testing::HasSubstr;
using testing::SuiteFolder;

constexpr std::uint32_t kMinutes = 20'160, kBurst = 18'005;

/// Two weeks, so that many runs of it are quick.
void shorten(SuiteFolder& folder) {
  folder.description["weeks_warmup"] = 1.5;
  folder.description["weeks_test"] = 0.5;
}

/// RunInstances every five minutes to the end, but for one burst of 200 calls from second 10 of a minute on, half of them refused.
std::vector<ActivityRecord> a_burst() {
  std::vector<ActivityRecord> records;
  for (std::uint32_t minute = 0; minute < kMinutes; minute += 5) {
    records.push_back({.minute = minute, .first_second = 30, .last_second = 30});
    if (minute == kBurst) records.push_back({.minute = minute, .calls = 200, .errors = 100, .first_second = 10, .last_second = 40, .error_code = 1});
  }
  return records;
}

std::vector<nlohmann::json> lines_of(const std::string& file) {
  std::ifstream in(file);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST(Evaluate, RaisesABurstOfCallsAndOfErrorsWithTheCallThatCrosses) {
  SuiteFolder folder;
  shorten(folder);
  folder.records = a_burst();
  const std::string suite = folder.write(), alarms = folder.path("alarms.jsonl");
  const auto count = evaluate({.suite = suite, .budget = 1, .alarms = alarms});
  ASSERT_TRUE(count.has_value()) << count.error().message;
  EXPECT_EQ(count->calls, kMinutes / 5 + 200U);
  EXPECT_EQ(count->cells, 1U);
  const auto lines = lines_of(alarms);
  ASSERT_EQ(lines.size(), 2U) << testing::read_file(alarms);
  for (const std::string metric : {"calls", "errors"}) {
    const auto& line = lines[0]["metric"] == metric ? lines[0] : lines[1];
    EXPECT_EQ(line["metric"], metric);
    EXPECT_EQ(line["series_id"], 0);
    EXPECT_EQ(line["direction"], "up");
    EXPECT_GE(line["start_s"], kBurst * 60 + 10);
    EXPECT_LE(line["start_s"], kBurst * 60 + 20);  // long before the burst is over
    EXPECT_GT(line["end_s"], kBurst * 60 + 40);
    EXPECT_EQ(line["end_s"].get<int>() % 60, 0);  // an End is decided when a minute closes
    EXPECT_GE(line["score"], -std::log10(rate_of(1, 2)));  // at least what its setting stands for
  }
}

TEST(Evaluate, ASilenceThatNeverEndsHasNoEnd) {
  SuiteFolder folder;
  shorten(folder);
  folder.records.clear();
  for (std::uint32_t minute = 0; minute < kMinutes; ++minute) {
    if (minute < kBurst) folder.records.push_back({.minute = minute, .calls = 3, .last_second = 59});
    folder.records.push_back({.minute = minute, .series = 1, .calls = 2, .last_second = 59});  // the account lives
  }
  const std::string suite = folder.write(), alarms = folder.path("alarms.jsonl");
  ASSERT_TRUE(evaluate({.suite = suite, .budget = 0.005, .alarms = alarms}).has_value());
  const auto lines = lines_of(alarms);
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines[0]["direction"], "down");
  EXPECT_EQ(lines[0]["series_id"], 0);
  EXPECT_EQ(lines[0]["start_s"].get<int>() % 60, 0);  // judged at the close of its minute
  EXPECT_GT(lines[0]["start_s"], kBurst * 60);
}

TEST(Evaluate, SaysWhenAnAlarmReachedEachHigherScore) {
  SuiteFolder folder;
  shorten(folder);
  folder.records = a_burst();
  const std::string suite = folder.write(), loose = folder.path("loose.jsonl"), strict = folder.path("strict.jsonl");
  ASSERT_TRUE(evaluate({.suite = suite, .budget = 2, .alarms = loose}).has_value());
  ASSERT_TRUE(evaluate({.suite = suite, .budget = 0.02, .alarms = strict}).has_value());
  for (const auto& line : lines_of(strict)) {
    const double bar = -std::log10(rate_of(0.02, 2));
    bool found = false;
    for (const auto& other : lines_of(loose)) {
      if (other["metric"] != line["metric"]) continue;
      double last = 0;
      for (const auto& rise : other["rises"]) {
        EXPECT_GT(rise[1].get<double>(), last);
        last = rise[1];
        if (last < bar || found) continue;
        found = true;
        EXPECT_LE(std::abs(rise[0].get<int>() - line["start_s"].get<int>()), 5) << "within a few calls of where the strict setting speaks";
      }
      EXPECT_DOUBLE_EQ(last, other["score"]);
    }
    EXPECT_TRUE(found);
  }
}

TEST(Evaluate, ThreadsDoNotShow) {
  SuiteFolder folder;
  shorten(folder);
  folder.records = a_burst();
  folder.series += "2,222222222222,us-east-1,ec2.amazonaws.com,RunInstances\n";
  for (std::uint32_t i = 0; i < 40; ++i) folder.records.push_back({.minute = kMinutes - 1, .series = 2, .calls = 9});
  const std::string suite = folder.write(), one = folder.path("one.jsonl"), three = folder.path("three.jsonl");
  ASSERT_TRUE(evaluate({.suite = suite, .budget = 20, .alarms = one, .threads = 1}).has_value());
  ASSERT_TRUE(evaluate({.suite = suite, .budget = 20, .alarms = three, .threads = 3}).has_value());
  EXPECT_EQ(testing::read_file(one), testing::read_file(three));
  EXPECT_FALSE(testing::read_file(one).empty());
}

TEST(Evaluate, NamesAFileThatCannotBeWritten) {
  SuiteFolder folder;
  shorten(folder);
  folder.records = a_burst();
  const auto count = evaluate({.suite = folder.write(), .alarms = folder.path("no/such/folder.jsonl")});
  ASSERT_FALSE(count.has_value());
  EXPECT_THAT(count.error().message, HasSubstr("folder.jsonl"));
}

}  // namespace
}  // namespace trailwarden::app
