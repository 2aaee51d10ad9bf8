#include "app/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/replay.h"
#include "testing/command.h"
#include "testing/read_file.h"
#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::read_file;

constexpr std::string_view kFirst = "0f0e0d0c-0b0a-4908-8706-050403020100", kSecond = "1f0e0d0c-0b0a-4908-8706-050403020100";
const Timestamp kNow{std::chrono::seconds{1'780'000'000}};

/// The alerts that a replay of these records gives.
std::vector<json> alerts_of(const std::vector<std::string>& records) {
  const testing::TempDir dir;
  std::string text, line;
  for (const std::string& record : records) text += record + "\n";
  dir.write("records.jsonl", text);
  EXPECT_EQ(testing::run(replay, ReplayArguments{.paths = {dir.path("records.jsonl")}, .alerts = dir.path("alerts.jsonl")}).code, 0);
  std::vector<json> alerts;
  std::istringstream in(read_file(dir.path("alerts.jsonl")));
  while (std::getline(in, line)) alerts.push_back(json::parse(line));
  return alerts;
}

TEST(Probe, ItsRecordIsOneLowAlertThatNamesIt) {
  const auto alerts = alerts_of({probe_record({}, kNow, kFirst)});
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0]["account"], "000000000000");
  EXPECT_EQ(alerts[0]["detail"]["detector"], "security_group_change");
  EXPECT_EQ(alerts[0]["detail"]["severity"], "low");
  EXPECT_THAT(alerts[0].dump(), HasSubstr(kFirst));
}

TEST(Probe, ASecondOneSoonAfterIsNoRepeat) {
  const auto alerts = alerts_of({probe_record({}, kNow, kFirst), probe_record({}, kNow + std::chrono::seconds{5}, kSecond)});
  ASSERT_EQ(alerts.size(), 2U);
  EXPECT_THAT(alerts[1].dump(), HasSubstr(kSecond));
}

TEST(Probe, SaysWhatItCannotDo) {
  const testing::TempDir dir;
  dir.write("embedded.yaml", "version: 1\n");
  auto ran = testing::run(probe, ProbeArguments{.config = dir.path("embedded.yaml")});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("needs a configuration with `kafka:`"));
  dir.write("off.yaml", "version: 1\nkafka: {brokers: \"127.0.0.1:1\", security: {protocol: plaintext}, input: [{topic: cloudtrail}]}\ndetectors: {security_group_change: {enabled: false}}\n");
  ran = testing::run(probe, ProbeArguments{.config = dir.path("off.yaml")});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("security_group_change, which this configuration has turned off"));
}

}  // namespace
}  // namespace trailwarden::app
