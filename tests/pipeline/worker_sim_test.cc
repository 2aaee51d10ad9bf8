// The worker on a simulated Kafka: whatever happens, what is visible is what one undisturbed pass over the same log would have said.

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"
#include "core/failpoint.h"
#include "core/hash.h"
#include "core/log.h"
#include "detectors/registry.h"
#include "pipeline/audit.h"
#include "pipeline/recompute.h"
#include "pipeline/worker.h"
#include "testing/sim_broker.h"
#include "testing/sim_log.h"
#include "testing/traffic.h"

namespace trailwarden::pipeline {
namespace {

using namespace std::chrono_literals;
using testing::Call;
using testing::SimBroker;
using testing::SimFaults;
using testing::SimLog;
using testing::SimRecord;

constexpr std::int32_t kPartitions = 4;
constexpr const char* kInput = "cloudtrail";

PartitionSettings partition_settings() {
  const config::Config config = config::default_config();
  PartitionSettings settings;
  settings.cells = {.detectors = detectors::configure(config.detectors), .lateness = std::chrono::minutes{1}, .settle = false};
  settings.cells.insights.open_minutes = settings.cells.open_minutes() + 1;
  settings.future_skew = std::chrono::minutes{2};
  settings.keep_late = true;
  return settings;
}

/// Thrown where the power goes out.
struct PowerCut {};

/// Cuts the power at the n-th failpoint hit of the worker that is at work.
class Cuts {
 public:
  Cuts() {
    failpoint::set_hook([this](std::string_view name) {
      seen_.insert(std::string(name));
      if (left_ > 0 && --left_ == 0) throw PowerCut{};
      if (!at_.empty() && name == at_) {
        at_.clear();
        throw PowerCut{};
      }
    });
  }
  ~Cuts() { failpoint::set_hook({}); }
  void after(std::uint64_t hits) { left_ = hits; }
  void at(std::string name) { at_ = std::move(name); }
  const std::set<std::string>& seen() const { return seen_; }

 private:
  std::uint64_t left_ = 0;
  std::string at_;
  std::set<std::string> seen_;
};

/// Several workers on one broker, started and killed as a seed has it.
class Cluster {
 public:
  Cluster(std::uint64_t seed, SimFaults faults) : broker_(seed, faults), settings_(partition_settings()) {
    broker_.create_topic(kInput, kPartitions);
    broker_.create_topic(stream::kAlertsTopic, 3);
    broker_.create_topic(stream::kLedgerTopic, kPartitions);
    broker_.create_topic(stream::kStateTopic, kPartitions, true);
    broker_.create_topic(stream::kTicksTopic, kPartitions);
    broker_.create_topic(stream::kDeadLetterTopic, 1);
    broker_.create_topic(stream::kLateTopic, 1);
    broker_.meanwhile([this](const std::string& client, std::chrono::milliseconds duration) { others_go_on(client, duration); });
  }

  SimBroker& broker() { return broker_; }
  Cuts& cuts() { return cuts_; }

  bool gaps_allowed = true;  // the simulator makes holes
  testing::SimBegin begin = testing::SimBegin::kAtFirst;

  std::optional<std::uint64_t> dies_before_request;
  std::uint64_t requests(std::size_t slot) const { return members_.at(slot)->log->requests(); }
  std::uint64_t died() const { return died_; }

  WorkerStatus status(std::size_t slot) const { return members_.at(slot)->worker->status(); }

  /// A call that happened just now, or a while ago.
  void put(Call call) {
    const auto ago = broker_.dice().chance(0.05) ? broker_.dice().within(10min) : broker_.dice().within(40s);
    call.time = std::chrono::floor<std::chrono::seconds>(broker_.now() - ago);
    const std::string key = call.account + "/" + call.region;
    broker_.put(kInput, static_cast<std::int32_t>((murmur2(key) & 0x7fffffffU) % kPartitions), testing::to_json(call), key);
  }
  void put_raw(const std::string& value) { broker_.put(kInput, 0, value); }

  /// `id`: of its transactions, if another than the slot's.
  void start(std::size_t slot, std::optional<std::size_t> id = std::nullopt) {
    if (members_.contains(slot)) return;
    auto member = std::make_unique<Member>();
    member->log = std::make_unique<SimLog>(broker_, testing::SimLogOptions{.name = "worker-" + std::to_string(slot) + "." + std::to_string(++incarnations_),
                                                                           .transactional_id = "detector-" + std::to_string(id.value_or(slot)),
                                                                           .inputs = {kInput},
                                                                           .ticks_topic = std::string(stream::kTicksTopic),
                                                                           .begin = begin,
                                                                           .dies_before_request = dies_before_request});
    WorkerOptions options;
    options.partitions = settings_;
    options.config = "c0ffee";
    options.snapshot_interval = 5s;  // small states, little time
    options.ledger_interval = 20s;
    options.tick_interval = 10s;
    options.tick_grace = 0s;
    options.gaps_allowed = {gaps_allowed};
    options.now = [this] { return broker_.now().time_since_epoch(); };
    member->worker = std::make_unique<Worker>(*member->log, std::move(options), observer_);
    members_[slot] = std::move(member);
  }

  /// Power off: nothing is said any more, to nobody.
  void kill(std::size_t slot) {
    const auto found = members_.find(slot);
    if (found == members_.end()) return;
    found->second->log->kill();
    // A worker that stands still somewhere up the stack is gone once its call has returned.
    if (found->second->at_work) found->second->is_dead = true;
    else members_.erase(found);
  }

  void step(std::size_t slot, std::chrono::milliseconds wait = 200ms) {
    const auto found = members_.find(slot);
    if (found == members_.end() || found->second->at_work) return;
    Member& member = *found->second;
    member.at_work = true;
    try {
      if (auto done = member.worker->step(wait); !done) ends_.push_back(done.error().message), member.is_dead = true;
    } catch (const PowerCut&) {
      member.log->kill();
      member.is_dead = true;
      ++power_cuts_;
    }
    member.at_work = false;
    if (member.log->dead()) ++died_, member.is_dead = true;
    if (!member.is_dead) return;
    member.log->kill();
    members_.erase(slot);
  }

  bool finish(std::size_t slot) {
    const auto found = members_.find(slot);
    if (found == members_.end()) return false;
    found->second->at_work = true;
    const bool done = found->second->worker->finish(60s).has_value();
    members_.erase(slot);
    return done;
  }

  std::vector<std::size_t> alive() const {
    std::vector<std::size_t> out;
    for (const auto& [slot, member] : members_) out.push_back(slot);
    return out;
  }

  /// Whether everything that was put is committed.
  bool is_drained() {
    for (std::int32_t p = 0; p < kPartitions; ++p) {
      const auto records = broker_.visible(kInput, p);
      const auto committed = broker_.committed("detector", kInput, p);
      if (records.empty() && !committed) continue;
      if (!committed || (!records.empty() && committed->next_offset <= records.back().offset)) return false;
    }
    return true;
  }

  /// What one undisturbed pass says, given the ticks that the ledger has, against what is visible.
  void compare_with_oracle() {
    SimLog looking(broker_, testing::SimLogOptions{.name = "auditor", .group = "nobody", .transactional_id = "auditor", .inputs = {kInput}});
    const auto report = audit(looking);
    ASSERT_TRUE(report.has_value()) << report.error().message;
    EXPECT_THAT(report->problems, ::testing::IsEmpty());
    EXPECT_EQ(report->unchecked, 0U);
    const auto again = recompute(looking, settings_, "c0ffee");
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_THAT(again->problems, ::testing::IsEmpty());
    snapshots_checked_ += again->states;
    std::vector<std::string> said, expected;
    for (std::int32_t p = 0; p < 3; ++p)
      for (const SimRecord& record : broker_.visible(stream::kAlertsTopic, p))
        for (const auto& [name, value] : record.headers)
          if (name == "alert-id") said.push_back(value);
    for (std::int32_t p = 0; p < kPartitions; ++p) expect(p, expected);
    std::sort(said.begin(), said.end());
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(said, expected);
    alerts_ = said.size();
  }

  std::size_t alerts() const { return alerts_; }
  std::size_t power_cuts() const { return power_cuts_; }
  std::size_t snapshots_checked() const { return snapshots_checked_; }
  const std::vector<std::string>& ends() const { return ends_; }
  std::uint64_t replayed() const { return observer_.replayed; }
  std::uint64_t restored() const { return observer_.restored_partitions; }

 private:
  struct Member {
    std::unique_ptr<SimLog> log;
    std::unique_ptr<Worker> worker;
    bool at_work = false, is_dead = false;
  };

  struct Observer final : WorkerObserver {
    void restored(const std::string&, std::int32_t, std::chrono::milliseconds, std::uint64_t messages) override {
      replayed += messages;
      ++restored_partitions;
    }
    std::uint64_t replayed = 0, restored_partitions = 0;
  };

  void others_go_on(const std::string& client, std::chrono::milliseconds duration) {
    const AppendTime end = broker_.now() + duration;
    ++depth_;
    for (int turns = 0; depth_ < 3 && turns < 40 && broker_.now() < end; ++turns) {
      const auto slots = alive();
      if (slots.size() < 2) break;
      const std::size_t slot = slots[broker_.dice().below(slots.size())];
      if (!client.starts_with("worker-" + std::to_string(slot) + ".")) step(slot);
      broker_.advance(50ms);
    }
    --depth_;
  }

  void expect(std::int32_t p, std::vector<std::string>& ids) {
    std::vector<AppliedTick> ticks;
    std::int64_t end = 0;
    for (const SimRecord& record : broker_.visible(stream::kLedgerTopic, p)) {
      const auto ledger = parse_ledger_record(*record.value);
      ASSERT_TRUE(ledger.has_value()) << ledger.error().message;
      ticks.insert(ticks.end(), ledger->ticks.begin(), ledger->ticks.end());
      end = ledger->to;
    }
    Partition partition(settings_, p, kPartitions);
    JudgeTools tools(settings_.cells);
    Counting counting(settings_.cells);
    PartitionOutput output;
    std::size_t next_tick = 0;
    const auto tick_up_to = [&](std::int64_t offset) {
      for (; next_tick < ticks.size() && ticks[next_tick].offset <= offset; ++next_tick) partition.tick(ticks[next_tick].watermark, tools, counting, output);
    };
    for (const SimRecord& record : broker_.visible(kInput, p)) {
      tick_up_to(record.offset);
      std::string padded = *record.value + std::string(event::kPadding, ' ');
      stream::Message message;
      message.partition = p;
      message.offset = record.offset;
      message.append_time = record.append_time;
      message.origin = kInput;
      message.key = record.key;
      message.value = std::string_view(padded).substr(0, record.value->size());
      partition.judge(message, tools, counting, output);
    }
    tick_up_to(end);
    for (const Alert& alert : output.alerts) ids.push_back(alert.id);
  }

  SimBroker broker_;
  const PartitionSettings settings_;
  Cuts cuts_;
  Observer observer_;
  std::map<std::size_t, std::unique_ptr<Member>> members_;
  std::vector<std::string> ends_;
  std::size_t alerts_ = 0, power_cuts_ = 0, snapshots_checked_ = 0;
  std::uint64_t died_ = 0;
  int depth_ = 0, incarnations_ = 0;
};

/// One run by one seed: traffic, workers that come, stand still and die, everything that the simulator knows to go wrong; then calm.
void live_through(Cluster& cluster, std::uint64_t seed, std::size_t calls_in_all, bool random_cuts = true) {
  testing::SimDice& dice = cluster.broker().dice();
  const std::vector<Call> calls = testing::traffic(calls_in_all, static_cast<std::uint32_t>(seed));
  std::size_t next = 0;
  cluster.start(0);
  while (next < calls.size()) {
    switch (dice.below(20)) {
      case 0: cluster.start(dice.below(3)); break;
      case 1:
        if (dice.chance(0.4)) cluster.kill(dice.below(3));
        break;
      case 2:
        if (dice.chance(0.5) && random_cuts) cluster.cuts().after(dice.between(1, 300));
        break;
      case 3:
        if (dice.chance(0.2)) cluster.put_raw(R"({"eventVersion":"1.08","eventTime":"yesterday"})");
        break;
      case 4:
      case 5:
      case 6:
        for (std::uint64_t n = dice.between(1, 12); n > 0 && next < calls.size(); --n) {
          cluster.put(calls[next]);
          if (dice.chance(0.1)) cluster.put(calls[next]);
          ++next;
        }
        break;
      default: {
        const auto alive = cluster.alive();
        if (alive.empty()) cluster.start(dice.below(3));
        else cluster.step(alive[dice.below(alive.size())]);
        cluster.broker().advance(dice.within(300ms));
      }
    }
  }
}

/// Nothing goes wrong any more: everything is judged and committed in the end, and everybody leaves in good order.
void calm_down(Cluster& cluster) {
  cluster.broker().faults() = {};
  cluster.cuts().after(0);
  cluster.cuts().at("");
  cluster.start(0);
  for (int turn = 0; turn < 5'000 && !cluster.is_drained(); ++turn) {
    for (const std::size_t slot : cluster.alive()) cluster.step(slot);
    if (cluster.alive().empty()) cluster.start(0);
    cluster.broker().advance(100ms);
  }
  EXPECT_TRUE(cluster.is_drained());
  for (const std::size_t slot : cluster.alive()) {
    if (cluster.finish(slot)) continue;
    // It may have been told to die even now.
    cluster.start(slot);
    for (int turn = 0; turn < 500; ++turn) cluster.step(slot);
    EXPECT_TRUE(cluster.finish(slot));
  }
}

std::uint64_t seeds() {
  const char* const text = std::getenv("TRAILWARDEN_SEEDS");
  return text == nullptr ? 200 : std::strtoull(text, nullptr, 10);
}
std::uint64_t first_seed() {
  const char* const text = std::getenv("TRAILWARDEN_SEED");
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

class WorkerOnSimulatedKafka : public ::testing::Test {
 protected:
  void SetUp() override { log::set_level(log::Level::kOff); }
};

TEST_F(WorkerOnSimulatedKafka, SaysWhatOneUndisturbedPassSays) {
  std::size_t alerts = 0, cuts = 0, snapshots = 0;
  for (std::uint64_t seed = first_seed(); seed < first_seed() + seeds(); ++seed) {
    SimFaults faults = SimFaults::harsh();
    Cluster cluster(seed, faults);
    live_through(cluster, seed, 250);
    calm_down(cluster);
    cluster.compare_with_oracle();
    alerts += cluster.alerts();
    cuts += cluster.power_cuts();
    snapshots += cluster.snapshots_checked();
    if (!HasFailure()) continue;
    for (const std::string& end : cluster.ends()) std::fprintf(stderr, "a worker ended: %s\n", end.c_str());
    std::fprintf(stderr, "%s\n", cluster.broker().trace().tail(100).c_str());
    FAIL() << "repeat it with: scripts/simulate --seed " << seed;
  }
  if (seeds() < 20) return;
  EXPECT_GT(alerts, 20 * seeds()) << "runs in which nothing is found prove nothing";
  EXPECT_GT(cuts, seeds() / 4);
  EXPECT_GT(snapshots, 2 * seeds());
}

// Every place at which the process may die; FAULTS.md section 4, as far as the worker has them. Those inside the client's requests are walked through below.
constexpr const char* kCrashPoints[] = {"after_poll",         "after_state_change",  "after_alert",         "before_commit",    "after_commit",
                                        "revoke_before_commit", "revoke_after_commit", "abort_before_undo",   "abort_after_undo", "snapshot_chunk",
                                        "snapshot_before_manifest", "snapshot_committed", "restore_loaded", "restore_replaying", "restore_before_resume"};

TEST_F(WorkerOnSimulatedKafka, SurvivesDeathAtEveryCrashPoint) {
  for (const char* point : kCrashPoints) {
    std::size_t cuts = 0;
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      Cluster cluster(seed, SimFaults::harsh());
      cluster.cuts().at(point);
      live_through(cluster, seed, 150, false);
      calm_down(cluster);
      cluster.compare_with_oracle();
      cuts += cluster.power_cuts();
      ASSERT_FALSE(HasFailure()) << point << ", seed " << seed;
    }
    EXPECT_GT(cuts, 0U) << point << " was never reached";
  }
}

/// Some traffic, one worker, no chance: the same every time.
void quiet_hour(Cluster& cluster, std::size_t calls, const std::function<void()>& turn) {
  for (const Call& call : testing::traffic(calls, 9)) {
    cluster.put(call);
    turn();
    cluster.broker().advance(200ms);
  }
}

TEST_F(WorkerOnSimulatedKafka, SurvivesDeathBeforeAnyRequest) {
  std::uint64_t requests = 1, died = 0;
  for (std::uint64_t dies_before = 1; dies_before <= requests; dies_before += 3) {
    Cluster cluster(1, {});
    cluster.dies_before_request = dies_before;
    cluster.start(0);
    cluster.dies_before_request.reset();
    quiet_hour(cluster, 60, [&] {
      if (cluster.alive().empty()) cluster.start(0);
      requests = std::max(requests, cluster.requests(0));
      cluster.step(0, 500ms);
    });
    died += cluster.died();
    calm_down(cluster);
    cluster.compare_with_oracle();
    ASSERT_FALSE(HasFailure()) << "death before request " << dies_before;
  }
  EXPECT_GT(died, 20U);
}

TEST_F(WorkerOnSimulatedKafka, GetsOnEvenIfEveryRestoreIsKilledFiveTimes) {
  Cluster cluster(5, {});
  cluster.start(0);
  quiet_hour(cluster, 150, [&] { cluster.step(0, 100ms); });
  cluster.kill(0);
  for (int i = 0; i < 5; ++i) {
    cluster.cuts().at("restore_replaying");
    cluster.start(0);
    for (int turn = 0; turn < 200 && !cluster.alive().empty(); ++turn) cluster.step(0);
    EXPECT_TRUE(cluster.alive().empty()) << "the power was cut in the replay";
  }
  calm_down(cluster);
  cluster.compare_with_oracle();
}

TEST_F(WorkerOnSimulatedKafka, LeavingInGoodOrderLeavesNothingToReplay) {
  Cluster cluster(6, {});
  cluster.start(0);
  quiet_hour(cluster, 100, [&] { cluster.step(0, 100ms); });
  calm_down(cluster);
  const std::uint64_t replayed = cluster.replayed();
  cluster.start(0);
  for (int turn = 0; turn < 50; ++turn) cluster.step(0);
  EXPECT_EQ(cluster.replayed(), replayed);
  EXPECT_EQ(cluster.restored(), 2U * kPartitions);
}

/// Damages snapshots of one partition in the state topic, the newest ones first; how many there were.
std::size_t damage_snapshots(Cluster& cluster, std::int32_t p, std::size_t how_many, bool lose_manifest) {
  std::map<std::int64_t, std::pair<std::string, std::string>, std::greater<>> by_offset;  // -> key and value of what is to be damaged
  for (const SimRecord& record : cluster.broker().visible(stream::kStateTopic, p)) {
    const auto key = parse_state_key(record.key);
    if (!key || !record.value) continue;
    if (key->chunk.has_value() == lose_manifest) continue;
    by_offset[key->offset] = {record.key, *record.value};
  }
  std::size_t damaged = 0;
  for (auto& [offset, record] : by_offset) {
    if (damaged++ == how_many) break;
    record.second[record.second.size() / 2] ^= 1;
    cluster.broker().put(stream::kStateTopic, p, lose_manifest ? std::nullopt : std::optional(record.second), record.first);
  }
  return by_offset.size();
}

TEST_F(WorkerOnSimulatedKafka, ADamagedSnapshotMeansALongerReplayNeverAnEmptyState) {
  for (const bool lose_manifest : {false, true}) {
    for (const std::size_t how_many : {std::size_t{1}, std::size_t{2}}) {
      Cluster cluster(7, {});
      cluster.start(0);
      quiet_hour(cluster, 200, [&] { cluster.step(0, 300ms); });
      cluster.kill(0);
      std::size_t most = 0;
      for (std::int32_t p = 0; p < kPartitions; ++p) most = std::max(most, damage_snapshots(cluster, p, how_many, lose_manifest));
      ASSERT_GE(most, 2U) << "there were two generations";
      quiet_hour(cluster, 100, [&] {
        cluster.start(0);
        cluster.step(0, 100ms);
      });
      EXPECT_GT(cluster.replayed(), 0U);
      calm_down(cluster);
      cluster.compare_with_oracle();
      ASSERT_FALSE(HasFailure()) << how_many << " damaged, manifest lost: " << lose_manifest;
    }
  }
}

/// The status of one partition of the worker in slot 0.
PartitionStatus partition_of(const Cluster& cluster, std::int32_t p) {
  for (const PartitionStatus& status : cluster.status(0).partitions)
    if (status.partition == p) return status;
  return {};
}

TEST_F(WorkerOnSimulatedKafka, AHoleInTheOffsetsStopsThatPartitionAndNoOther) {
  Cluster cluster(8, {});
  cluster.gaps_allowed = false;
  cluster.start(0);
  quiet_hour(cluster, 40, [&] { cluster.step(0, 100ms); });
  // The next record of each partition that gets one stands behind a hole; the others are left alone.
  cluster.broker().faults().offset_gap = 1;
  cluster.put({.id = "behind a hole", .account = "1", .region = "r"});
  cluster.broker().faults().offset_gap = 0;
  const std::int32_t holed = static_cast<std::int32_t>((murmur2("1/r") & 0x7fffffffU) % kPartitions);
  for (int turn = 0; turn < 20; ++turn) cluster.step(0);
  EXPECT_EQ(partition_of(cluster, holed).state, PartitionStatus::State::kStopped);
  EXPECT_EQ(partition_of(cluster, holed).reason, "offset_gap");
  const auto others = [&] {
    std::int64_t sum = 0;
    for (std::int32_t p = 0; p < kPartitions; ++p) sum += p == holed ? 0 : partition_of(cluster, p).committed;
    return sum;
  };
  const std::int64_t before = others();
  quiet_hour(cluster, 40, [&] { cluster.step(0, 200ms); });
  for (int turn = 0; turn < 20; ++turn) cluster.step(0);
  EXPECT_GT(others(), before);
  for (std::int32_t p = 0; p < kPartitions; ++p) {
    if (p == holed) continue;
    EXPECT_EQ(partition_of(cluster, p).state, PartitionStatus::State::kRunning) << p;
  }
}

TEST_F(WorkerOnSimulatedKafka, WhatRetentionTookIsNeverJumpedOver) {
  Cluster cluster(9, {});
  cluster.start(0);
  quiet_hour(cluster, 60, [&] { cluster.step(0, 100ms); });
  cluster.kill(0);
  quiet_hour(cluster, 60, [] {});
  for (std::int32_t p = 0; p < kPartitions; ++p) cluster.broker().delete_records(kInput, p, cluster.broker().extent(kInput, p).end);
  cluster.start(0);
  for (int turn = 0; turn < 300; ++turn) cluster.step(0);
  for (std::int32_t p = 0; p < kPartitions; ++p) {
    if (cluster.broker().extent(kInput, p).end == 0) continue;
    EXPECT_EQ(partition_of(cluster, p).state, PartitionStatus::State::kStopped) << p;
    EXPECT_NE(partition_of(cluster, p).detail, "");
  }
}

TEST_F(WorkerOnSimulatedKafka, DoesNotGuessWhereToBegin) {
  Cluster cluster(10, {});
  cluster.begin = testing::SimBegin::kNobodySaid;
  quiet_hour(cluster, 10, [] {});
  cluster.start(0);
  for (int turn = 0; turn < 100; ++turn) cluster.step(0);
  for (std::int32_t p = 0; p < kPartitions; ++p) EXPECT_EQ(partition_of(cluster, p).reason, "no_committed_offset");
}

TEST_F(WorkerOnSimulatedKafka, OfTwoWithOneTransactionalIdTheOlderEndsWithAReason) {
  Cluster cluster(11, {});
  cluster.start(0);
  quiet_hour(cluster, 20, [&] { cluster.step(0, 100ms); });
  cluster.start(1, 0);
  quiet_hour(cluster, 120, [&] {
    cluster.step(0, 200ms);
    cluster.step(1, 200ms);
  });
  ASSERT_EQ(cluster.ends().size(), 1U);
  EXPECT_THAT(cluster.ends()[0], ::testing::HasSubstr("transactional id"));
  EXPECT_EQ(cluster.alive(), std::vector<std::size_t>{1});
  for (int turn = 0; turn < 3000 && !cluster.is_drained(); ++turn) cluster.step(1);
  EXPECT_TRUE(cluster.finish(1));
  cluster.compare_with_oracle();
}

}  // namespace
}  // namespace trailwarden::pipeline
