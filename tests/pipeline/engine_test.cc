#include "pipeline/engine.h"

#include <algorithm>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "config/config.h"
#include "detectors/registry.h"
#include "testing/alert_schema.h"
#include "testing/memory_log.h"
#include "testing/traffic.h"

namespace trailwarden::pipeline {
namespace {

using testing::Call;
using testing::kRoot;
using testing::kStart;
using testing::MemoryLog;
using testing::to_json;
using testing::traffic;
using namespace std::chrono_literals;

struct Outcome {
  Totals totals;
  std::vector<std::string> alerts;
};

Outcome run(const std::vector<std::string>& records, EngineOptions options = {}, std::size_t records_per_message = 7, std::size_t messages_per_batch = 3) {
  MemoryLog log(messages_per_batch);
  for (std::size_t i = 0; i < records.size(); i += records_per_message) {
    std::string value;
    for (std::size_t j = i; j < std::min(i + records_per_message, records.size()); ++j) value += records[j] + "\n";
    log.put(std::move(value));
  }
  const config::Config config = config::default_config();
  EngineObserver nobody;
  Engine engine(log, options, detectors::configure(config.detectors), nobody);
  const std::atomic<bool> stop = false;
  auto totals = engine.run(stop);
  EXPECT_TRUE(totals.has_value());
  Outcome out{std::move(*totals), log.alerts()};
  EXPECT_EQ(out.totals.read, out.totals.judged + out.totals.duplicate + out.totals.refused_in_all() + out.totals.skipped_in_all());
  for (const std::string& alert : out.alerts) EXPECT_THAT(testing::schema_errors(alert), ::testing::IsEmpty()) << alert;
  return out;
}

std::vector<std::string> as_json(const std::vector<Call>& calls) {
  std::vector<std::string> out;
  for (const Call& call : calls) out.push_back(to_json(call));
  return out;
}

TEST(Engine, OutputDoesNotDependOnThreadsOrShards) {
  const std::vector<std::string> records = as_json(traffic(3000, 1));
  const Outcome reference = run(records, {.threads = 1, .shards = 64});
  ASSERT_GT(reference.alerts.size(), 20U);
  for (const std::size_t threads : {1, 2, 3, 8}) {
    for (const std::size_t shards : {8, 32, 64}) {
      const Outcome other = run(records, {.threads = threads, .shards = shards});
      EXPECT_EQ(other.alerts, reference.alerts) << threads << " threads, " << shards << " shards";
      EXPECT_EQ(other.totals.detectors, reference.totals.detectors);
    }
  }
}

/// An alert without the places of its records, which a shuffled file changes.
nlohmann::json without_places(const std::string& alert) {
  auto out = nlohmann::json::parse(alert);
  if (!out["detail"].contains("records")) return out;
  for (auto& record : out["detail"]["records"])
    for (const char* place : {"recordNumber", "byteOffset", "offset"}) record.erase(place);
  return out;
}

std::vector<nlohmann::json> without_places(const std::vector<std::string>& alerts) {
  std::vector<nlohmann::json> out;
  for (const std::string& alert : alerts) out.push_back(without_places(alert));
  return out;
}

TEST(Engine, AnyOrderInsideTheLatenessBoundGivesTheSameAlerts) {
  std::vector<Call> calls = traffic(3000, 2);
  const Outcome ordered = run(as_json(calls));
  std::mt19937 random(3);
  for (int round = 0; round < 5; ++round) {
    // Each record arrives up to 14 minutes after its time.
    std::vector<std::pair<Timestamp, std::size_t>> arrival;
    for (std::size_t i = 0; i < calls.size(); ++i) arrival.emplace_back(calls[i].time + std::chrono::seconds{random() % 840}, i);
    std::sort(arrival.begin(), arrival.end());
    std::vector<std::string> shuffled;
    for (const auto& [time, i] : arrival) shuffled.push_back(to_json(calls[i]));
    const Outcome other = run(shuffled);
    EXPECT_EQ(other.totals.late, 0U);
    EXPECT_EQ(without_places(other.alerts), without_places(ordered.alerts));
  }
}

TEST(Engine, AlertsOfAReplayAreSortedByTime) {
  const Outcome reference = run(as_json(traffic(2000, 4)));
  std::vector<std::string> times;
  for (const std::string& alert : reference.alerts) times.push_back(nlohmann::json::parse(alert)["time"]);
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
}

TEST(Engine, RepeatsAreJudgedOnceUnlessTheyAreOfAnotherCell) {
  const std::string first = to_json({.id = "a"});
  const Outcome repeated = run({first, first, to_json({.id = "a", .account = "444455556666"}), to_json({.id = "b"}), first});
  EXPECT_EQ(repeated.totals.judged, 3U);
  EXPECT_EQ(repeated.totals.duplicate, 2U);
  EXPECT_EQ(repeated.totals.cells, 2U);
}

TEST(Engine, LateRecordsAreJudgedAndMarked) {
  const Outcome with_late = run({to_json({.time = kStart, .id = "a"}), to_json({.time = kStart + 3h, .id = "b"}),
                             to_json({.time = kStart + 1min, .id = "c", .identity = kRoot}), to_json({.time = kStart + 170min, .id = "d"})},
                            {}, 1, 1);
  EXPECT_EQ(with_late.totals.late, 1U);
  EXPECT_EQ(with_late.totals.late_over_two_hours, 1U);
  ASSERT_EQ(with_late.alerts.size(), 1U);
  EXPECT_EQ(nlohmann::json::parse(with_late.alerts[0])["detail"]["late"], true);
}

TEST(Engine, AClockAheadOfTheLogIsClampedAndDoesNotMoveTheWatermark) {
  MemoryLog log;
  const auto put = [&log](const Call& call, Timestamp append) { log.put(to_json(call), AppendTime(append)); };
  put({.time = kStart, .id = "a"}, kStart + 5min);
  put({.time = kStart + 24h * 365, .id = "b"}, kStart + 6min);
  put({.time = kStart + 1min, .id = "c", .identity = kRoot}, kStart + 7min);
  EngineObserver nobody;
  Engine engine(log, {}, detectors::configure(config::default_config().detectors), nobody);
  const std::atomic<bool> stop = false;
  const auto totals = engine.run(stop);
  ASSERT_TRUE(totals.has_value());
  EXPECT_EQ(totals->clamped, 1U);
  EXPECT_EQ(totals->late, 0U);
}

TEST(Engine, RefusedRecordsGoToTheDeadLettersWithTheirPlace) {
  MemoryLog log(8);
  log.put(to_json({.id = "a"}) + "\n" + "{\"eventVersion\": tru}\n", std::nullopt, "one.jsonl", 0);
  log.put(to_json({.id = "b"}), std::nullopt, "two.jsonl", 1);
  log.put("12345", std::nullopt, "one.jsonl", 0);
  EngineObserver nobody;
  Engine engine(log, {}, {}, nobody);
  const std::atomic<bool> stop = false;
  const auto totals = engine.run(stop);
  ASSERT_TRUE(totals.has_value());
  EXPECT_EQ(totals->read, 4U);
  EXPECT_EQ(totals->refused_in_all(), 2U);
  ASSERT_EQ(log.committed.size(), 2U);
  EXPECT_EQ(log.committed[0].value, "{\"eventVersion\": tru}");
  using Header = std::pair<std::string, std::string>;
  EXPECT_THAT(log.committed[0].headers, ::testing::IsSupersetOf({Header{"reason", "not_json"}, Header{"origin", "one.jsonl"}, Header{"record", "2"}}));
  EXPECT_THAT(log.committed[1].headers, ::testing::IsSupersetOf({Header{"reason", "not_an_object"}, Header{"record", "3"}}));
}

TEST(Engine, SinceAndUntilSkipWithoutMovingTheWatermark) {
  const Outcome bounded = run({to_json({.time = kStart - 1s, .id = "a"}), to_json({.time = kStart, .id = "b"}), to_json({.time = kStart + 24h, .id = "c"}),
                           to_json({.time = kStart + 1s, .id = "d"})},
                          {.since = kStart, .until = kStart + 1h});
  EXPECT_EQ(bounded.totals.outside_time_range, 2U);
  EXPECT_EQ(bounded.totals.judged, 2U);
  EXPECT_EQ(bounded.totals.late, 0U);
}

TEST(Engine, StopsCleanlyWhenToldTo) {
  MemoryLog log;
  for (int i = 0; i < 100; ++i) log.put(to_json({.id = std::to_string(i)}));
  EngineObserver nobody;
  Engine engine(log, {}, {}, nobody);
  const std::atomic<bool> stop = true;
  const auto totals = engine.run(stop);
  ASSERT_TRUE(totals.has_value());
  EXPECT_EQ(totals->read, 0U);
}

TEST(Engine, SaysWhenItsOutputCannotBeWritten) {
  for (const std::size_t threads : {1, 4}) {
    MemoryLog log;
    log.fails = true;
    for (int i = 0; i < 100; ++i) log.put(to_json({.id = std::to_string(i)}));
    EngineObserver nobody;
    Engine engine(log, {.threads = threads}, {}, nobody);
    const std::atomic<bool> stop = false;
    const auto totals = engine.run(stop);
    ASSERT_FALSE(totals.has_value());
    EXPECT_EQ(totals.error().message, "write output: the disk is full");
  }
}

TEST(Engine, AManyRepeatedFindingBecomesOneAndAClosingSummary) {
  std::vector<std::string> records;
  for (int i = 0; i < 10; ++i) records.push_back(to_json({.name = "GetUser", .source = "iam.amazonaws.com", .time = kStart + i * 1min, .id = std::to_string(i), .identity = kRoot}));
  const Outcome repeated = run(records);
  ASSERT_EQ(repeated.alerts.size(), 2U);
  const auto finding = nlohmann::json::parse(repeated.alerts[0]), summary = nlohmann::json::parse(repeated.alerts[1]);
  EXPECT_EQ(finding["detail"]["kind"], "finding");
  EXPECT_EQ(summary["detail"]["kind"], "summary");
  EXPECT_EQ(summary["detail"]["count"], 9);
  EXPECT_EQ(summary["detail"]["summarises"], finding["id"]);
}

RC_GTEST_PROP(Engine, EveryRecordIsAccountedFor, (std::uint32_t seed)) {
  std::vector<std::string> records = as_json(traffic(60, seed));
  std::mt19937 random(seed);
  for (std::string& record : records) {
    if (random() % 4 == 0) record.resize(random() % record.size());
    if (random() % 8 == 0) record = records[random() % records.size()];
  }
  const Outcome one = run(records, {.threads = 1}), three = run(records, {.threads = 3, .shards = 5}, 7, 3);
  RC_ASSERT(one.totals.read == one.totals.judged + one.totals.duplicate + one.totals.refused_in_all() + one.totals.skipped_in_all());
  RC_ASSERT(one.alerts == three.alerts);
}

}  // namespace
}  // namespace trailwarden::pipeline
