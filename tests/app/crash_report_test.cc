#include "app/crash_report.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "pipeline/judged_now.h"

namespace trailwarden::app {
namespace {

TEST(CrashReportDeathTest, SaysWhatWasBeingJudged) {
  stream::Message message;
  message.origin = "cloudtrail";
  message.partition = 3;
  message.offset = 1234;
  const auto crash = [&message] {
    report_crashes();
    const pipeline::JudgedNow now(message);
    std::abort();
  };
  EXPECT_EXIT(crash(), ::testing::KilledBySignal(SIGABRT), "while judging cloudtrail/3 at offset 1234.*offsets skip");
}

TEST(CrashReportDeathTest, SaysNothingOfOtherCrashes) {
  const auto crash = [] {
    report_crashes();
    std::abort();
  };
  EXPECT_EXIT(crash(), ::testing::KilledBySignal(SIGABRT), "^$");
}

}  // namespace
}  // namespace trailwarden::app
