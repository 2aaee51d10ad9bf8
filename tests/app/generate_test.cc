#include "app/generate.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/replay.h"
#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

int quietly(const GenerateArguments& arguments) {
  CaptureStdout();
  CaptureStderr();
  const int code = generate(arguments);
  GetCapturedStdout();
  GetCapturedStderr();
  return code;
}

TEST(GenerateCommand, SaysWhatItWrote) {
  const testing::TempDir dir;
  CaptureStdout();
  EXPECT_EQ(generate({.out = dir.path("out"), .days = 1, .accounts = 1, .rate = 2.0}), 0);
  const std::string line = GetCapturedStdout();
  for (const char* part : {" events, ", " duplicates, ", " files, ", " incidents, ", " events/s\n"}) EXPECT_THAT(line, HasSubstr(part));
}

TEST(GenerateCommand, TellsWrongUsageFromADiskThatRefuses) {
  const testing::TempDir dir;
  dir.write("file", "");
  EXPECT_EQ(quietly({.out = dir.path()}), 2);
  EXPECT_EQ(quietly({.out = dir.path("out"), .days = 0}), 2);
  EXPECT_EQ(quietly({.out = dir.path("out"), .start = "yesterday"}), 2);
  EXPECT_EQ(quietly({.out = dir.path("file") + "/below"}), 1);
  EXPECT_FALSE(std::filesystem::exists(dir.path("out")));
}

/// What `replay` makes of generated traffic.
nlohmann::json summary_of(bool incidents, bool rules) {
  const testing::TempDir dir;
  EXPECT_EQ(quietly({.out = dir.path("out"), .days = 2, .incidents = incidents}), 0);
  ReplayArguments arguments;
  arguments.paths = {dir.path("out/AWSLogs")};
  arguments.config = dir.write("config.yaml", rules ? "version: 1\n" : "version: 1\nrules: {enabled: false}\n");
  arguments.alerts = dir.path("alerts.jsonl");
  arguments.summary = dir.path("summary.json");
  arguments.progress = false;
  EXPECT_EQ(replay(arguments), 0);
  std::ifstream file(dir.path("summary.json"));
  return nlohmann::json::parse(file);
}

TEST(GenerateCommand, ReplayFindsWhatWasPlanted) {
  const nlohmann::json summary = summary_of(true, false);
  EXPECT_TRUE(summary["records"]["refused"].empty());
  EXPECT_EQ(summary["records"]["late"], 0);
  EXPECT_GT(summary["records"]["duplicate"], 0);
  for (const char* detector : {"iam_burst", "root_use", "security_group_change", "trail_tampering"}) EXPECT_GT(summary["findings"][detector], 0) << detector;
  EXPECT_EQ(summary["findings_by_severity"]["critical"], 1);  // root
}

TEST(GenerateCommand, ReplayFindsLittleInOrdinaryTraffic) {
  const nlohmann::json summary = summary_of(false, false);
  for (const char* severity : {"medium", "high", "critical"}) EXPECT_EQ(summary["findings_by_severity"][severity], 0) << severity;
}

TEST(GenerateCommand, RulesTellOfAtMostOneInTenThousandRecordsOfOrdinaryTraffic) {
  const nlohmann::json summary = summary_of(false, true);
  std::int64_t findings = 0;
  for (const char* severity : {"medium", "high", "critical"}) findings += summary["findings_by_severity"][severity].get<std::int64_t>();
  EXPECT_LE(findings * 10'000, summary["records"]["judged"].get<std::int64_t>()) << findings << " findings";
}

}  // namespace
}  // namespace trailwarden::app
