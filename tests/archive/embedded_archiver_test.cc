// The archiver behind an embedded log, with an injected clock: the log, the archiver and their process die anywhere, and the trail still has every record once.

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alerts/envelope.h"
#include "alerts/insight_record.h"
#include "archive/archiver.h"
#include "core/log.h"
#include "stream/embedded_follower.h"
#include "stream/embedded_input_fake.h"
#include "stream/embedded_log.h"
#include "testing/memory_object_store.h"
#include "testing/power_cuts.h"
#include "testing/temp_dir.h"
#include "testing/traffic.h"
#include "trail/gzip.h"

namespace trailwarden::archive {
namespace {

using namespace std::chrono_literals;
using testing::MemoryObjectStore;

constexpr EpochRules kRules{300s, 20'000};
constexpr stream::PartitionId kFolder{};
const stream::EmbeddedFollowing kArchiver{"archiver", {"folder", std::string(stream::kAlertsTopic)}};

class Detector final : public stream::Member {
 public:
  void assigned(std::vector<stream::Assigned> partitions) override { next = *partitions.front().next_offset; }
  void revoked(std::span<const stream::PartitionId>) override {}
  void lost(std::span<const stream::PartitionId>) override {}
  std::int64_t next = 0;
};

event::Insight insight_number(std::size_t i) {
  event::Insight insight;
  insight.event_source = "ec2.amazonaws.com";
  insight.event_name = "RunInstances" + std::to_string(i);
  insight.insight = {.calls = 7, .minutes = 5};
  insight.baseline = {.calls = 1, .minutes = 10'080};
  insight.event_time = insight.started_at = insight.decision_time = testing::kStart;
  insight.is_start = true;
  return insight;
}
constexpr alerts::AlertScope kScope{"111122223333", "eu-west-1"};

/// The texts of the objects that stand beside one another in a list.
std::vector<std::string> objects_in(std::string_view list) {
  std::vector<std::string> out;
  std::size_t begin = 0, depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < list.size() && (depth > 0 || list[i] != ']'); ++i) {
    if (list[i] == '\\') ++i;
    else if (list[i] == '"') in_string = !in_string;
    else if (in_string) continue;
    else if (list[i] == '{' && depth++ == 0) begin = i;
    else if (list[i] == '}' && --depth == 0) out.emplace_back(list.substr(begin, i + 1 - begin));
  }
  return out;
}

/// One process over one folder, as often as it is started anew.
class Machine {
 public:
  explicit Machine(std::vector<std::string> lines) : store(std::make_shared<MemoryObjectStore>()), lines_(std::move(lines)) {
    store->refuse = [this](MemoryObjectStore::Call, std::string_view) { return store_is_away ? std::optional(trail::StoreError{trail::StoreFault::kNotNow, "SlowDown", "busy"}) : std::nullopt; };
  }

  AppendTime clock{testing::kStart};
  std::shared_ptr<MemoryObjectStore> store;
  bool store_is_away = false;
  testing::PowerCuts power;
  std::size_t cuts = 0;

  bool runs() const { return archiver_ != nullptr; }
  void start() {
    const auto now = [this] { return clock; };
    auto source = std::make_unique<testing::LinesInput>("", 4);
    source->lines = lines_;
    log_ = std::move(stream::EmbeddedLog::open({.database = dir_.path("log.db"), .followers = {kArchiver}, .now = now}, std::move(source))).value();
    follower_ = std::move(stream::EmbeddedFollower::open({.database = dir_.path("log.db"), .following = kArchiver, .kept_messages = 0, .now = now})).value();
    trail::TrailConfig trail;
    trail.name = "main";
    trail.home_region = "eu-west-1";
    ArchiverOptions options;
    options.destinations.emplace_back(trail, store);
    options.rules = kRules;
    options.alerts_topic = stream::kAlertsTopic;
    options.tick_grace = 0ms;
    options.now = options.delivery.now = [this] { return clock.time_since_epoch(); };
    options.delivery.threads = 1;
    options.delivery.patience = 2s;
    options.delivery.sleep = [this](std::chrono::milliseconds time) { clock += time; };
    archiver_ = std::make_unique<Archiver>(*follower_, std::move(options));
    if (!log_->poll(0ms, polled_, detector_)) throw std::runtime_error("poll");
    log_->start(kFolder);
  }
  void kill() {
    archiver_.reset();
    follower_.reset();
    log_.reset();
  }

  /// What it does ends as it may.
  template <typename Work>
  void run(const Work& work) {
    if (!runs()) start();
    try {
      work();
    } catch (const testing::PowerCut&) {
      ++cuts;
      kill();
    }
  }
  /// Takes a few lines, says an alert of each, a finding or an Insight, and commits.
  void detect() {
    run([this] {
      ASSERT_TRUE(log_->poll(0ms, polled_, detector_));
      for (const stream::Message& message : polled_.batch.messages) {
        const auto i = static_cast<std::size_t>(message.offset);
        const std::string finding = R"({"version":"0","id":"x","detail-type":"Trailwarden Finding","source":"trailwarden","detail":{"kind":"finding","detector":"\"detail-type\":\"AWS Insight via CloudTrail\"","records":[{"record":)" + lines_[i] + "}]}}";
        log_->append({.topic = std::string(stream::kAlertsTopic), .key = "k", .value = i % 3 == 0 ? alerts::render(insight_number(i), kScope).json : finding});
        detector_.next = message.offset + 1;
      }
      if (polled_.batch.messages.empty()) return;
      log_->trim(kFolder, detector_.next);
      ASSERT_EQ(log_->commit(std::array{stream::Progress{kFolder, detector_.next, ""}}), stream::CommitResult::kCommitted);
    });
  }
  void archive() {
    run([this] { ASSERT_TRUE(archiver_->step(0ms)); });
  }
  bool ask_to_cut() {
    bool done = false;
    run([&] { done = follower_->cut_here(); });
    return done;
  }
  bool has_read_all() const { return runs() && detector_.next == std::ssize(lines_); }

  std::string why() const {
    std::string out;
    for (const auto& partition : archiver_->status().partitions) out += partition.topic + " at " + std::to_string(partition.committed) + " " + partition.stopped + "; ";
    return out + (archiver_->status().blocked ? archiver_->status().blocked->message : "") + follower_->trouble();
  }
  void compare_with_the_input();
  std::vector<ManifestEpoch> epochs;
  std::vector<ManifestObject> objects;

 private:
  std::vector<std::string> records_of(const ManifestObject& object) {
    const auto& stored = store->objects.find(object.key)->second;
    std::string text(object.text_bytes, '\0');
    EXPECT_EQ(trail::MemberInflater().inflate(stored.bytes, text).status, trail::MemberInflater::Status::kDone);
    return objects_in(text.substr(std::string_view(R"({"Records":[)").size()));
  }

  testing::TempDir dir_;
  const std::vector<std::string> lines_;
  Detector detector_;
  stream::Polled polled_;
  std::unique_ptr<stream::EmbeddedLog> log_;
  std::unique_ptr<stream::EmbeddedFollower> follower_;
  std::unique_ptr<Archiver> archiver_;
};

void Machine::compare_with_the_input() {
  kill();
  auto reader = stream::EmbeddedReader::open(dir_.path("log.db")).value();
  auto manifest = reader.read(stream::kManifestTopic, 0, 0, std::nullopt).value();
  stream::MessageBatch batch;
  while (manifest->read(0ms, batch).value())
    for (const stream::Message& message : batch.messages) {
      auto record = parse_manifest_record(message.value).value();
      if (auto* const object = std::get_if<ManifestObject>(&record)) objects.push_back(*object);
      if (auto* const epoch = std::get_if<ManifestEpoch>(&record)) epochs.push_back(*epoch);
    }
  std::map<std::string, std::int64_t> next;
  std::map<std::string, Timestamp> delivered;
  for (const ManifestEpoch& epoch : epochs) {
    EXPECT_EQ(epoch.epoch.from, next[epoch.epoch.topic]) << to_string(epoch.epoch);
    EXPECT_GE(epoch.delivered, delivered[epoch.epoch.topic]);
    next[epoch.epoch.topic] = epoch.epoch.to;
    delivered[epoch.epoch.topic] = epoch.delivered;
  }
  EXPECT_EQ(next, (std::map<std::string, std::int64_t>{{"folder", std::ssize(lines_)}, {std::string(stream::kAlertsTopic), std::ssize(lines_)}}));

  std::vector<std::string> archived, insights, expected_insights;
  std::set<std::string> keys;
  for (const ManifestObject& object : objects) {
    EXPECT_TRUE(keys.insert(object.key).second) << object.key;
    ASSERT_TRUE(store->objects.contains(object.key)) << object.key;
    for (std::string& record : records_of(object)) (object.kind == trail::ObjectKind::kInsight ? insights : archived).push_back(std::move(record));
  }
  for (const auto& [key, object] : store->objects) EXPECT_TRUE(keys.contains(key)) << "not in the manifest: " << key;
  for (std::size_t i = 0; i < lines_.size(); i += 3) expected_insights.push_back(alerts::insight_record(insight_number(i), kScope));
  std::vector<std::string> expected = lines_;
  for (auto* const list : {&expected, &archived, &insights, &expected_insights}) std::sort(list->begin(), list->end());
  EXPECT_TRUE(archived == expected) << archived.size() << " records archived of " << expected.size();
  EXPECT_TRUE(insights == expected_insights) << insights.size() << " Insights archived of " << expected_insights.size();
}

std::vector<std::string> some_lines(std::size_t count, std::uint32_t seed) {
  std::vector<std::string> lines;
  for (const testing::Call& call : testing::traffic(count, seed)) lines.push_back(testing::to_json(call));
  return lines;
}

TEST(EmbeddedArchiver, ADayIsPlayedAndQuietEpochsEndToo) {
  log::set_level(log::Level::kOff);
  Machine machine(some_lines(60, 1));
  const AppendTime begin = machine.clock;
  for (int minute = 0; minute < 24 * 60; minute += 5) {
    if (minute % 90 == 0) machine.detect();  // four lines, and then nothing for a long time
    for (int i = 0; i < 4; ++i) machine.archive();
    machine.clock += 5min;
  }
  machine.compare_with_the_input();
  EXPECT_EQ(machine.epochs.size(), 2u * 15);
  for (const ManifestEpoch& epoch : machine.epochs) {
    const auto at = begin + 90min * (epoch.epoch.from / 4);
    EXPECT_EQ(epoch.delivered, std::chrono::floor<std::chrono::seconds>(std::chrono::sys_time<std::chrono::milliseconds>((at.time_since_epoch() / 300s + 1) * 300s))) << to_string(epoch.epoch);
    EXPECT_EQ(epoch.counts.skipped, epoch.epoch.topic == "folder" ? 0u : 4u - epoch.counts.archived);
  }
}

TEST(EmbeddedArchiver, WhateverDiesEveryRecordIsThereOnce) {
  log::set_level(log::Level::kOff);
  std::size_t cuts = 0, full = 0;
  for (std::uint32_t seed = 1; seed <= 8; ++seed) {
    std::mt19937 random(seed);
    Machine machine(some_lines(120, seed));
    while (!machine.has_read_all()) {
      switch (random() % 12) {
        case 0: machine.power.after(1 + random() % 30); break;
        case 1: machine.store_is_away = random() % 4 == 0; break;
        case 2: machine.clock += std::chrono::seconds{random() % 400}; break;
        case 3:
          if (random() % 8 == 0) machine.kill();
          break;
        case 4:
          if (random() % 10 == 0) machine.ask_to_cut();
          break;
        case 5:
        case 6: machine.detect(); break;
        default: machine.archive(); machine.clock += std::chrono::milliseconds{random() % 3000};
      }
    }
    machine.power.after(0);
    machine.store_is_away = false;
    int answers = 0;  // the first may be to a question of before
    for (int i = 0; i < 3'000 && answers < 2; ++i) {
      answers += machine.ask_to_cut() ? 1 : 0;
      machine.archive();
      machine.clock += 100ms;
    }
    ASSERT_EQ(answers, 2) << "seed " << seed << ": " << machine.why();
    machine.compare_with_the_input();
    cuts += machine.cuts;
    for (const ManifestEpoch& epoch : machine.epochs) full += epoch.counts.read >= 20 ? 1 : 0;
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(cuts, 20u);
  EXPECT_GT(full, 0u);
}

}  // namespace
}  // namespace trailwarden::archive
