#include "pipeline/partition.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"
#include "core/hash.h"
#include "detectors/registry.h"
#include "pipeline/ledger.h"
#include "testing/memory_log.h"
#include "testing/rules_detector.h"
#include "testing/traffic.h"

namespace trailwarden::pipeline {
namespace {

using testing::Call;
using testing::kStart;
using testing::MemoryLog;

PartitionSettings settings() {
  const config::Config config = config::default_config();
  PartitionSettings out;
  out.cells = {.detectors = detectors::configure(config.detectors), .lateness = std::chrono::minutes{15}, .settle = false};
  out.cells.insights.open_minutes = out.cells.open_minutes() + 1;
  out.future_skew = std::chrono::minutes{2};
  out.keep_late = true;
  return out;
}

/// A partition with what it takes to use it.
struct Trial {
  explicit Trial(const PartitionSettings& shared) : partition(shared, 0, 1), tools(shared.cells), counting(shared.cells) {}

  void judge(const stream::Message& message) { partition.judge(message, tools, counting, output); }
  std::vector<std::string> ids() const {
    std::vector<std::string> out;
    for (const Alert& alert : output.alerts) out.push_back(alert.id);
    std::sort(out.begin(), out.end());
    return out;
  }

  Partition partition;
  JudgeTools tools;
  Counting counting;
  PartitionOutput output;
};

std::vector<stream::Message> messages_of(MemoryLog& log, const std::vector<Call>& calls) {
  for (const Call& call : calls) log.put(testing::to_json(call));
  stream::MessageBatch batch;
  std::vector<stream::Message> out;
  while (*log.poll(batch)) out.insert(out.end(), batch.messages.begin(), batch.messages.end());
  return out;
}

TEST(Partition, CountsWhatBecameOfEveryRecord) {
  const PartitionSettings shared = settings();
  MemoryLog log;
  std::vector<Call> calls = testing::traffic(500, 3);
  calls.push_back(calls.back());                                  // a repeat
  calls.push_back({.time = kStart - std::chrono::hours{5}, .id = "late"});
  std::vector<stream::Message> messages = messages_of(log, calls);
  MemoryLog more;
  more.put("{\"no\":\"record\"}");
  more.put("not json");
  stream::MessageBatch batch;
  while (*more.poll(batch)) messages.insert(messages.end(), batch.messages.begin(), batch.messages.end());
  Trial run(shared);
  for (const stream::Message& message : messages) run.judge(message);
  const RangeCounts& counts = run.output.counts;
  EXPECT_EQ(counts.read, 504U);
  EXPECT_EQ(counts.judged, 501U);
  EXPECT_EQ(counts.duplicate, 1U);
  EXPECT_EQ(counts.refused, 2U);
  EXPECT_EQ(counts.late, 1U);
  EXPECT_EQ(counts.read, counts.judged + counts.duplicate + counts.refused + counts.skipped);
  ASSERT_EQ(run.output.others.size(), 3U);
  EXPECT_EQ(run.output.others[0].topic, stream::kLateTopic);
  EXPECT_EQ(run.output.others[2].topic, stream::kDeadLetterTopic);
  EXPECT_EQ(run.output.others[2].value, "not json");
  EXPECT_THAT(run.output.others[2].headers, ::testing::Contains(::testing::Pair("partition", "0")));
}

TEST(Partition, CutsWhatNoMessageCouldHold) {
  PartitionSettings shared = settings();
  shared.cells.max_message_bytes = 10'000;
  MemoryLog log;
  log.put(testing::to_json({.time = kStart, .id = "first"}));
  const std::string raw = "not json " + std::string(20'000, 'x');
  log.put(raw);
  Call late{.time = kStart - std::chrono::hours{5}, .id = "late"};
  late.more = R"(,"userAgent":")" + std::string(20'000, 'u') + '"';
  log.put(testing::to_json(late));
  Trial run(shared);
  stream::MessageBatch batch;
  while (*log.poll(batch))
    for (const stream::Message& message : batch.messages) run.judge(message);
  ASSERT_EQ(run.output.others.size(), 2U);
  for (const stream::Outgoing& cut : run.output.others) {
    std::size_t bytes = cut.key.size() + cut.value.size();
    for (const auto& [name, value] : cut.headers) bytes += name.size() + value.size();
    EXPECT_LT(bytes, 10'000U);
    EXPECT_GT(bytes, 8'000U) << "most of it is there";
  }
  EXPECT_TRUE(raw.starts_with(run.output.others[0].value));
  EXPECT_THAT(run.output.others[0].headers, ::testing::Contains(::testing::Pair("fullBytes", std::to_string(raw.size()))));
  EXPECT_THAT(run.output.others[0].headers, ::testing::Contains(::testing::Pair("fullHash", hex(xxh3_64(raw)))));
}

TEST(Partition, SavedAndRestoredAnywhereItGoesOnAsIfNothingHadBeen) {
  const PartitionSettings shared = settings();
  MemoryLog log;
  const std::vector<stream::Message> messages = messages_of(log, testing::traffic(2'000, 4));
  Trial whole(shared);
  for (const stream::Message& message : messages) whole.judge(message);
  ASSERT_GT(whole.output.alerts.size(), 20U);
  for (std::size_t cut = 0; cut <= messages.size(); cut += 173) {
    Trial before(shared), after(shared);
    for (std::size_t i = 0; i < cut; ++i) before.judge(messages[i]);
    const std::string saved = before.partition.save();
    const auto loaded = after.partition.load(saved);
    ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
    EXPECT_EQ(after.partition.save(), saved);
    after.output.alerts = before.output.alerts;
    for (std::size_t i = cut; i < messages.size(); ++i) after.judge(messages[i]);
    EXPECT_EQ(after.ids(), whole.ids()) << cut;
    EXPECT_EQ(after.partition.save(), whole.partition.save()) << cut;
  }
}

constexpr std::string_view kThreeKeys =
    "id: t.three_keys\ntitle: Three keys\nsentence: s.\nseverity: high\npattern: {eventName: [CreateAccessKey]}\ncorrelate: {count: {at_least: 3, within: 1h, by: [principal]}}\nquiet_for: 0s\n---\n";
constexpr std::string_view kStop = "id: t.stop\ntitle: Stopped\nsentence: s.\nseverity: high\npattern: {eventName: [StopLogging]}\nquiet_for: 0s\n---\n";
constexpr std::string_view kList = "id: t.list\ntitle: Listed\nsentence: s.\nseverity: high\npattern: {eventName: [ListBuckets]}\nquiet_for: 0s\n---\n";

/// The rules that alerts are of.
std::vector<std::string> told(PartitionOutput& output) {
  std::vector<std::string> out;
  for (const Alert& alert : output.alerts)
    for (const char* const rule : {"t.three_keys", "t.stop", "t.list"})
      if (alert.message.value.find("\"" + std::string(rule) + "\"") != std::string::npos) out.emplace_back(rule);
  output.clear();
  return out;
}

TEST(Partition, OtherRulesGoOnFromWhatThoseOfTheirNamesKnew) {
  PartitionSettings shared = settings();
  shared.cells.insights.config.enabled = false;
  shared.cells.detectors = {testing::rules_detector(std::string(kThreeKeys) + std::string(kStop))};
  MemoryLog log;
  std::vector<Call> calls;
  for (const char* const name : {"CreateAccessKey", "CreateAccessKey", "StopLogging", "ListBuckets", "StopLogging", "ListBuckets", "CreateAccessKey"})
    calls.push_back({.name = name, .time = kStart + std::chrono::minutes{calls.size()}, .id = "id-" + std::to_string(calls.size())});
  const std::vector<stream::Message> messages = messages_of(log, calls);
  Trial run(shared);
  for (std::size_t i = 0; i < 4; ++i) run.judge(messages[i]);
  EXPECT_THAT(told(run.output), ::testing::ElementsAre("t.stop"));
  const auto before = std::exchange(shared.cells.detectors, {testing::rules_detector(std::string(kList) + std::string(kThreeKeys))});
  run.partition.change_detectors(before);
  run.counting.follow(shared.cells);
  for (std::size_t i = 4; i < messages.size(); ++i) run.judge(messages[i]);
  EXPECT_THAT(told(run.output), ::testing::ElementsAre("t.list", "t.three_keys")) << "what came is told of, what is gone is silent, and what was half done is completed";
}

TEST(Partition, RulesMayComeAndGoAltogether) {
  PartitionSettings shared = settings();
  const std::vector<detectors::ConfiguredDetector> without = shared.cells.detectors;
  MemoryLog log;
  const std::vector<stream::Message> messages = messages_of(log, testing::traffic(2'000, 4));
  Trial whole(shared), run(shared);
  for (const stream::Message& message : messages) whole.judge(message);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (i % 500 == 250) {
      auto next = without;
      if (i % 1000 == 250) next.insert(next.begin() + 1, testing::rules_detector("id: t.never\ntitle: Never\nsentence: s.\nseverity: high\npattern: {eventName: [Nothing]}\n"));
      const auto before = std::exchange(shared.cells.detectors, std::move(next));
      run.partition.change_detectors(before);
      run.counting.follow(shared.cells);
    }
    run.judge(messages[i]);
  }
  EXPECT_EQ(run.ids(), whole.ids()) << "the other detectors do not notice";
  EXPECT_EQ(run.partition.save(), whole.partition.save());
}

TEST(Partition, ATickClosesWhatItsTimeHasPassed) {
  const PartitionSettings shared = settings();
  MemoryLog log;
  Trial run(shared);
  for (const stream::Message& message : messages_of(log, testing::traffic(300, 5))) run.judge(message);
  const Timestamp before = run.partition.watermark();
  EXPECT_FALSE(run.partition.tick(before, run.tools, run.counting, run.output)) << "that was known";
  run.output.clear();
  EXPECT_TRUE(run.partition.tick(before + std::chrono::hours{3}, run.tools, run.counting, run.output));
  EXPECT_EQ(run.partition.watermark(), before + std::chrono::hours{3});
  EXPECT_FALSE(run.output.alerts.empty()) << "quiet times have ended, and their summaries are due";
}

TEST(Partition, ARecordThatComesAgainMuchLaterSaysNothingTwice) {
  const PartitionSettings shared = settings();
  MemoryLog log;
  std::vector<Call> calls = testing::traffic(2'000, 8);
  for (std::size_t i = 0; i < 500; ++i) calls.push_back(Call(calls[i]));  // their minutes have closed long ago
  Trial trial(shared);
  for (const stream::Message& message : messages_of(log, calls)) trial.judge(message);
  const std::vector<std::string> ids = trial.ids();
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
  EXPECT_GT(trial.output.counts.late, 300U) << "they were judged again";
}

TEST(Partition, RefusesADamagedState) {
  const PartitionSettings shared = settings();
  MemoryLog log;
  Trial run(shared);
  for (const stream::Message& message : messages_of(log, testing::traffic(200, 6))) run.judge(message);
  const std::string saved = run.partition.save();
  for (std::size_t cut = 0; cut < saved.size(); cut += 1 + saved.size() / 50) {
    Partition fresh(shared, 0, 1);
    EXPECT_FALSE(fresh.load(std::string_view(saved).substr(0, cut)).has_value()) << cut;
  }
  for (std::size_t at = 20; at < saved.size(); at += 1 + saved.size() / 100) {
    std::string damaged = saved;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    Partition fresh(shared, 0, 1);
    EXPECT_FALSE(fresh.load(damaged).has_value()) << at;
  }
}

TEST(Partition, CountsRecordsThatAnotherPartitionShouldHave) {
  const PartitionSettings shared = settings();
  MemoryLog log;
  const std::vector<stream::Message> messages = messages_of(log, testing::traffic(200, 7));
  std::uint64_t misrouted = 0;
  for (std::int32_t number = 0; number < 4; ++number) {
    Partition partition(shared, number, 4);
    JudgeTools tools(shared.cells);
    Counting counting(shared.cells);
    PartitionOutput output;
    for (const stream::Message& message : messages) partition.judge(message, tools, counting, output);
    misrouted += output.counts.misrouted;
  }
  EXPECT_EQ(misrouted, 3 * messages.size()) << "each belongs to one of the four";
}

}  // namespace
}  // namespace trailwarden::pipeline
