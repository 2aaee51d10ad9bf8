// The worker on a simulated Kafka: whatever happens, what is visible is what one undisturbed pass over the same log would have said.

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"
#include "core/failpoint.h"
#include "core/hash.h"
#include "core/log.h"
#include "detectors/registry.h"
#include "pipeline/by_operator.h"
#include "pipeline/audit.h"
#include "pipeline/recompute.h"
#include "pipeline/worker.h"
#include "testing/from_environment.h"
#include "testing/power_cuts.h"
#include "testing/rules_detector.h"
#include "testing/sim_broker.h"
#include "testing/sim_log.h"
#include "testing/traffic.h"

namespace trailwarden::pipeline {
namespace {

using namespace std::chrono_literals;
using testing::Call;
using testing::PowerCut;
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
  settings.tick_grace = 0s;
  settings.keep_late = true;
  return settings;
}

/// Cuts the power at the n-th failpoint hit of the worker that is at work.
class Cuts {
 public:
  Cuts() {
    failpoint::set_hook([this](std::string_view name) {
      seen_.insert(std::string(name));
      if (name == holds_up_at_) {
        holds_up_at_.clear();
        hold_up_();
      }
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
  /// What happens while the worker stands there, the next time.
  void meanwhile_at(std::string name, std::function<void()> hold_up) {
    holds_up_at_ = std::move(name);
    hold_up_ = std::move(hold_up);
  }
  const std::set<std::string>& seen() const { return seen_; }

 private:
  std::uint64_t left_ = 0;
  std::string at_, holds_up_at_;
  std::function<void()> hold_up_;
  std::set<std::string> seen_;
};

/// Several workers on one broker, started and killed as a seed has it.
class Cluster {
 public:
  Cluster(std::uint64_t seed, SimFaults faults, PartitionSettings settings = partition_settings()) : broker_(seed, faults), settings_(std::move(settings)) {
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
  std::string group = "detector";  // of those that start
  std::size_t message_at_most = SIZE_MAX;
  testing::SimBegin begin = testing::SimBegin::kAtFirst;
  std::shared_ptr<const SavedCells> bring;  // what workers take in

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
                                                                           .group = group,
                                                                           .transactional_id = group + "-" + std::to_string(id.value_or(slot)),
                                                                           .inputs = {kInput},
                                                                           .ticks_topic = std::string(stream::kTicksTopic),
                                                                           .begin = begin,
                                                                           .message_at_most = message_at_most,
                                                                           .dies_before_request = dies_before_request});
    WorkerOptions options;
    options.partitions = settings_;
    options.config = "c0ffee";
    options.snapshot_interval = 5s;  // small states, little time
    options.ledger_interval = 20s;
    options.tick_interval = 10s;
    options.gaps_allowed = {gaps_allowed};
    options.bring = bring;
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

  bool changes_detection = false;  // workers are given the same detectors anew, at any time
  std::size_t changes = 0;
  void change(std::size_t slot) {
    const auto found = members_.find(slot);
    if (found == members_.end()) return;
    found->second->worker->change(std::make_shared<Detection>(Detection{settings_.cells.detectors, settings_.cells.suppressions, settings_.cells.insights.config, settings_.cells.silence, "c0ffee"}));
    ++changes;
  }

  /// Whether everything that was put is committed.
  bool is_drained() { return broker_.has_consumed("detector", kInput, kPartitions); }

  /// What one undisturbed pass says, given the ticks that the ledger has, against what is visible.
  void compare_with_oracle() {
    SimLog looking(broker_, testing::SimLogOptions{.name = "auditor", .transactional_id = "auditor", .inputs = {kInput}});
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
    std::optional<SnapshotMark> newest;
    for (const SimRecord& record : broker_.visible(stream::kLedgerTopic, p)) {
      const auto ledger = parse_ledger_record(*record.value);
      ASSERT_TRUE(ledger.has_value()) << ledger.error().message;
      ticks.insert(ticks.end(), ledger->ticks.begin(), ledger->ticks.end());
      end = ledger->to;
      if (ledger->state) newest = ledger->state;
    }
    Partition partition(settings_, p, kPartitions);
    if (bring) {
      ASSERT_TRUE(partition.bring(*bring, false).has_value());
    }
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
    std::set<std::uint64_t> states{xxh3_64(partition.save())};
    for (; next_tick < ticks.size(); ++next_tick) {
      partition.tick(ticks[next_tick].watermark, tools, counting, output);
      states.insert(xxh3_64(partition.save()));
    }
    if (bring && newest && newest->offset == end) {
      EXPECT_TRUE(states.contains(newest->hash)) << "partition " << p << ": the state is not that of an undisturbed pass";
    }
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
        if (cluster.changes_detection && dice.chance(0.1)) cluster.change(dice.below(3));
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

std::uint64_t seeds() { return testing::from_environment("TRAILWARDEN_SEEDS", 200); }
std::uint64_t first_seed() { return testing::from_environment("TRAILWARDEN_SEED", 1); }

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

/// The same rules, read anew whenever it comes: what correlations have half seen is kept, whatever else happens.
TEST_F(WorkerOnSimulatedKafka, RulesThatAreReadAnewUnderLoadLoseAndDoubleNothing) {
  PartitionSettings settings = partition_settings();
  settings.cells.detectors.push_back(testing::rules_detector(
      "id: t.keys\ntitle: Keys\nsentence: s.\nseverity: high\npattern: {eventName: [CreateAccessKey]}\ncorrelate: {count: {at_least: 3, within: 1h, by: [account]}}\nquiet_for: 0s\n---\n"
      "id: t.key_then_stop\ntitle: Then\nsentence: s.\nseverity: high\nquiet_for: 0s\ncorrelate:\n  sequence:\n    within: 1h\n    by: [account]\n    steps:\n"
      "      - {name: a, pattern: {eventName: [CreateAccessKey]}}\n      - {name: b, pattern: {eventName: [StopLogging]}}\n"));
  std::size_t alerts = 0, changes = 0;
  for (std::uint64_t seed = first_seed(); seed < first_seed() + std::max<std::uint64_t>(seeds() / 4, 1); ++seed) {
    Cluster cluster(seed, SimFaults::harsh(), settings);
    cluster.changes_detection = true;
    live_through(cluster, seed, 250);
    calm_down(cluster);
    cluster.compare_with_oracle();
    alerts += cluster.alerts();
    changes += cluster.changes;
    ASSERT_FALSE(HasFailure()) << "repeat it with: scripts/simulate --seed " << seed;
  }
  if (seeds() < 20) return;
  EXPECT_GT(alerts, 5 * seeds());
  EXPECT_GT(changes, 2 * seeds());
}

/// What an hour before taught, of every other cell. `account`: another one than the traffic's.
std::shared_ptr<const SavedCells> learned_before(Cluster& cluster, const std::string& account = {}) {
  const PartitionSettings settings = partition_settings();
  Partition partition(settings, 0, 1);
  JudgeTools tools(settings.cells);
  Counting counting(settings.cells);
  PartitionOutput output;
  const auto begin = std::chrono::floor<std::chrono::seconds>(cluster.broker().now()) - 1h;
  std::vector<Call> calls = testing::traffic(400, 3);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    calls[i].time = begin + std::chrono::seconds{3'600 * i / calls.size()};
    calls[i].id += "-before";
    if (!account.empty()) calls[i].account = account + calls[i].account.back();
    std::string padded = testing::to_json(calls[i]);
    const std::size_t size = padded.size();
    padded.append(event::kPadding, ' ');
    stream::Message message;
    message.origin = "history";
    message.value = std::string_view(padded).substr(0, size);
    partition.judge(message, tools, counting, output);
  }
  SavedCells cells = *cells_of_partition(partition.save()), half;
  for (std::size_t i = 0; i < cells.size(); i += 2) half.push_back(cells[i]);
  return std::make_shared<const SavedCells>(std::move(half));
}

TEST_F(WorkerOnSimulatedKafka, CellsThatAreBroughtInAreThereWhateverHappens) {
  std::size_t alerts = 0, cuts = 0;
  for (std::uint64_t seed = first_seed(); seed < first_seed() + std::min<std::uint64_t>(seeds(), 60); ++seed) {
    Cluster cluster(seed, SimFaults::harsh());
    cluster.bring = learned_before(cluster);
    ASSERT_EQ(cluster.bring->size(), 4U);
    live_through(cluster, seed, 200);
    calm_down(cluster);
    cluster.compare_with_oracle();
    alerts += cluster.alerts();
    cuts += cluster.power_cuts();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(alerts, 100U);
  EXPECT_GT(cuts, 5U);
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
void quiet_hour(Cluster& cluster, std::size_t calls, const std::function<void()>& turn, const std::string& ids = {}) {
  for (Call call : testing::traffic(calls, 9)) {
    call.id += ids;
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
      calm_down(cluster);
      EXPECT_GT(cluster.replayed(), 0U);
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

/// Names of the cells in the newest whole snapshot of a partition.
std::set<std::string> saved_cells(Cluster& cluster, std::int32_t p) {
  SnapshotShelf shelf("detector/" + std::string(kInput), p);
  const auto records = cluster.broker().visible(stream::kStateTopic, p);
  for (const SimRecord& record : records) {
    stream::Message message;
    message.key = record.key;
    message.has_value = record.value.has_value();
    if (record.value) message.value = *record.value;
    shelf.take(message);
  }
  std::set<std::string> names;
  for (const auto& entry : shelf.entries()) {
    EXPECT_EQ(entry.problem, "");
    if (!names.empty() || !entry.problem.empty()) continue;
    const auto bytes = shelf.bytes(entry.offset);
    const auto cells = cells_of_partition(*bytes);
    for (const SavedCell& cell : *cells) names.insert(cell.name());
  }
  return names;
}

TEST_F(WorkerOnSimulatedKafka, CellsComeIntoAStateThatIsSavedAlready) {
  for (const char* point : {"", "snapshot_chunk", "snapshot_before_manifest", "before_commit", "after_commit", "snapshot_committed", "revoke_before_commit"}) {
    Cluster cluster(9, {});
    cluster.start(0);
    quiet_hour(cluster, 60, [&] { cluster.step(0, 300ms); });
    calm_down(cluster);
    std::set<std::string> expected;
    for (std::int32_t p = 0; p < kPartitions; ++p) expected.merge(saved_cells(cluster, p));
    cluster.bring = learned_before(cluster, "22222222222");
    for (const SavedCell& cell : *cluster.bring) expected.insert(cell.name());
    cluster.cuts().at(point);
    cluster.start(0);
    for (int turn = 0; turn < 100; ++turn) cluster.step(0);
    cluster.start(*point == 'r' ? 1 : 0);
    for (int turn = 0; turn < 300; ++turn)
      for (const std::size_t slot : cluster.alive()) cluster.step(slot);
    EXPECT_EQ(cluster.power_cuts(), *point == 0 ? 0U : 1U) << point;
    calm_down(cluster);
    std::set<std::string> there;
    for (std::int32_t p = 0; p < kPartitions; ++p) {
      for (const std::string& name : saved_cells(cluster, p)) {
        EXPECT_EQ(static_cast<std::int32_t>((murmur2(name) & 0x7fffffffU) % kPartitions), p);
        EXPECT_TRUE(there.insert(name).second) << name;
      }
    }
    EXPECT_EQ(there, expected) << point;
    ASSERT_FALSE(HasFailure()) << point;
  }
}

TEST_F(WorkerOnSimulatedKafka, WithoutASnapshotWhatWasBroughtInIsNeverForgottenSilently) {
  Cluster cluster(7, {});
  cluster.bring = learned_before(cluster);
  cluster.start(0);
  quiet_hour(cluster, 200, [&] { cluster.step(0, 300ms); });
  cluster.kill(0);
  for (std::int32_t p = 0; p < kPartitions; ++p) damage_snapshots(cluster, p, 100, false);
  cluster.broker().advance(60s);
  cluster.start(0);
  for (int turn = 0; turn < 400; ++turn) cluster.step(0);
  std::size_t stopped = 0;
  for (std::int32_t p = 0; p < kPartitions; ++p) {
    const PartitionStatus status = partition_of(cluster, p);
    if (status.state != PartitionStatus::State::kStopped) continue;
    ++stopped;
    EXPECT_EQ(status.reason, "not_restored");
    EXPECT_THAT(status.detail, ::testing::HasSubstr("brought in from outside at offset 0"));
  }
  EXPECT_GT(stopped, 0U);
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

/// With the saved states lost too, baselines begin anew behind the loss.
class AcceptedLoss : public WorkerOnSimulatedKafka, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(StateLostToo, AcceptedLoss, ::testing::Bool());

TEST_P(AcceptedLoss, IsGoneOnBehind) {
  Cluster cluster(12, {});
  cluster.start(0);
  quiet_hour(cluster, 100, [&] { cluster.step(0, 100ms); });
  cluster.kill(0);
  for (std::int32_t p = 0; GetParam() && p < kPartitions; ++p) damage_snapshots(cluster, p, 100, false);
  quiet_hour(cluster, 100, [] {}, "-later");
  std::map<std::int32_t, std::int64_t> begins;
  for (std::int32_t p = 0; p < kPartitions; ++p) {
    const stream::Extent held = cluster.broker().extent(kInput, p);
    const auto committed = cluster.broker().committed("detector", kInput, p);
    if (!committed || committed->next_offset + 2 > held.end) continue;
    begins[p] = held.end - 1;
    cluster.broker().delete_records(kInput, p, begins[p]);
  }
  ASSERT_GT(begins.size(), 1U);
  cluster.broker().advance(30s);  // the dead member is forgotten
  for (const auto& [p, begin] : begins) {
    SimLog operators(cluster.broker(), testing::SimLogOptions{.name = "operator", .transactional_id = "operator", .inputs = {kInput}});
    const auto done = accept_gap(operators, {0, p}, begin, 60s);
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }
  cluster.start(0);
  for (int turn = 0; turn < 600 && !cluster.is_drained(); ++turn) cluster.step(0);
  for (std::int32_t p = 0; p < kPartitions; ++p)
    EXPECT_EQ(partition_of(cluster, p).state, PartitionStatus::State::kRunning) << partition_of(cluster, p).reason << ": " << partition_of(cluster, p).detail;
  EXPECT_TRUE(cluster.finish(0));
  SimLog looking(cluster.broker(), testing::SimLogOptions{.name = "auditor", .transactional_id = "auditor", .inputs = {kInput}});
  const auto report = audit(looking);
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT(report->problems, ::testing::IsEmpty());
  std::uint64_t accepted = 0;
  for (const auto& partition : report->partitions) accepted += partition.accepted_gaps;
  EXPECT_EQ(accepted, begins.size());
}

TEST_F(WorkerOnSimulatedKafka, AMessageThatAnOperatorSkippedGoesToTheDeadLettersInEveryReplay) {
  Cluster cluster(28, {});
  cluster.start(0);
  quiet_hour(cluster, 100, [&] { cluster.step(0, 100ms); });
  cluster.kill(0);
  cluster.put_raw("poison");  // to partition 0
  const std::int64_t offset = cluster.broker().extent(kInput, 0).end - 1;
  cluster.broker().put(kInput, 0, std::nullopt, "forgotten");
  cluster.broker().advance(30s);  // the dead member is forgotten
  const auto skip = [&](std::int64_t at) {
    SimLog operators(cluster.broker(), testing::SimLogOptions{.name = "operator", .transactional_id = "operator", .inputs = {kInput}});
    return skip_message(operators, {0, 0}, at, 60s);
  };
  ASSERT_TRUE(skip(offset).has_value());
  EXPECT_EQ(skip(0).error().code, ErrorCode::kInvalidArgument) << "that one is judged";
  cluster.start(0);
  quiet_hour(cluster, 100, [&] { cluster.step(0, 100ms); }, "again");
  // Without saved state everything is read again, this message too.
  cluster.kill(0);
  damage_snapshots(cluster, 0, 10, true);
  cluster.start(0);
  calm_down(cluster);
  const auto letters = cluster.broker().visible(stream::kDeadLetterTopic, 0);
  ASSERT_EQ(letters.size(), 1U) << "once";
  EXPECT_EQ(letters[0].value, "poison");
  EXPECT_THAT(letters[0].headers, ::testing::Contains(::testing::Pair("reason", "skipped_by_operator")));
  EXPECT_THAT(letters[0].headers, ::testing::Contains(::testing::Pair("offset", std::to_string(offset))));
  SimLog looking(cluster.broker(), testing::SimLogOptions{.name = "auditor", .transactional_id = "auditor", .inputs = {kInput}});
  const auto report = audit(looking);
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT(report->problems, ::testing::IsEmpty());
  std::uint64_t skipped = 0;
  for (const auto& partition : report->partitions) skipped += partition.skipped;
  EXPECT_EQ(skipped, 2U) << "this one and the null value";
  const auto again = recompute(looking, partition_settings(), "c0ffee");
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_THAT(again->problems, ::testing::IsEmpty());
}

TEST_F(WorkerOnSimulatedKafka, DoesNotGuessWhereToBegin) {
  Cluster cluster(10, {});
  cluster.begin = testing::SimBegin::kNobodySaid;
  quiet_hour(cluster, 10, [] {});
  cluster.start(0);
  for (int turn = 0; turn < 100; ++turn) cluster.step(0);
  for (std::int32_t p = 0; p < kPartitions; ++p) EXPECT_EQ(partition_of(cluster, p).reason, "no_committed_offset");
}

TEST_F(WorkerOnSimulatedKafka, DoesNotGuessWhenOffsetsWereDeleted) {
  Cluster cluster(13, {});
  cluster.start(0);
  quiet_hour(cluster, 40, [&] { cluster.step(0, 100ms); });
  calm_down(cluster);
  for (std::int32_t p = 0; p < kPartitions; ++p) cluster.broker().commit_as_administrator("detector", kInput, p, std::nullopt);
  cluster.begin = testing::SimBegin::kNobodySaid;
  cluster.start(0);
  for (int turn = 0; turn < 100; ++turn) cluster.step(0);
  for (std::int32_t p = 0; p < kPartitions; ++p) EXPECT_EQ(partition_of(cluster, p).reason, "no_committed_offset") << p;
}

TEST_F(WorkerOnSimulatedKafka, AnInputThatIsMadeAnewIsAnotherOne) {
  Cluster cluster(14, {});
  cluster.start(0);
  quiet_hour(cluster, 60, [&] { cluster.step(0, 100ms); });
  calm_down(cluster);
  cluster.begin = testing::SimBegin::kNobodySaid;
  cluster.start(0);
  for (int turn = 0; turn < 50; ++turn) cluster.step(0);
  const std::uint64_t read = cluster.status(0).totals.read;
  cluster.put({.id = "not committed yet", .account = "1", .region = "r"});
  cluster.broker().script_end({testing::SimEnd::Fate::kLost, {}});  // so that some look for their state when the input is gone
  cluster.broker().delete_topic(kInput);
  for (int turn = 0; turn < 100; ++turn) cluster.step(0);
  for (std::int32_t p = 0; p < kPartitions; ++p) EXPECT_EQ(partition_of(cluster, p).reason, "topic_deleted") << partition_of(cluster, p).detail;
  cluster.broker().create_topic(kInput, kPartitions);
  quiet_hour(cluster, 60, [&] { cluster.step(0, 100ms); });
  EXPECT_LE(cluster.status(0).totals.read, read + 1) << "records of the new topic are judged with the old one's state";
}

TEST_F(WorkerOnSimulatedKafka, PartitionsThatAreAddedWaitForAWord) {
  Cluster cluster(15, {});
  cluster.start(0);
  quiet_hour(cluster, 60, [&] { cluster.step(0, 100ms); });
  calm_down(cluster);
  cluster.begin = testing::SimBegin::kNobodySaid;
  cluster.start(0);
  for (int turn = 0; turn < 50; ++turn) cluster.step(0);
  cluster.broker().add_partitions(kInput, 2);
  for (int turn = 0; turn < 300; ++turn) cluster.step(0);
  for (std::int32_t p = 0; p < kPartitions; ++p) EXPECT_EQ(partition_of(cluster, p).state, PartitionStatus::State::kRunning) << p;
  for (const std::int32_t p : {kPartitions, kPartitions + 1}) EXPECT_EQ(partition_of(cluster, p).reason, "no_committed_offset") << p;
}

/// Longer than the group waits: `where`, with other hands at work meanwhile.
void stands_still_at(const char* where, bool rebalances) {
  Cluster cluster(16, {});
  cluster.start(0);
  quiet_hour(cluster, 60, [&] { cluster.step(0, 100ms); });
  const std::uint64_t restored = cluster.restored();
  bool stood = false;
  cluster.cuts().meanwhile_at(where, [&] {
    stood = true;
    cluster.start(1);
    for (int turn = 0; turn < 400; ++turn) {
      cluster.step(1);
      cluster.broker().advance(200ms);
    }
  });
  if (rebalances) cluster.broker().rebalance("detector");
  quiet_hour(cluster, 60, [&] {
    cluster.step(0, 100ms);
    if (stood) cluster.step(1, 100ms);
  }, "-later");
  EXPECT_TRUE(stood);
  EXPECT_GT(cluster.restored(), restored) << "nobody took over";
  calm_down(cluster);
  cluster.compare_with_oracle();
}

TEST_F(WorkerOnSimulatedKafka, ARevokeThatTakesTooLongCommitsNothing) { stands_still_at("revoke_before_commit", true); }
TEST_F(WorkerOnSimulatedKafka, AWorkerThatDoesNotPollInTimeCommitsNothing) { stands_still_at("after_state_change", false); }
TEST_F(WorkerOnSimulatedKafka, ACommitThatTakesTooLongCommitsNothing) { stands_still_at("before_commit", false); }

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


// ---------------------------------------------------------------- review: each of these fails on main

/// Topics with something done to them.
class Meddling final : public stream::Topics {
 public:
  explicit Meddling(stream::Topics& real) : real_(real) {}
  std::function<void()> before_alerts;
  bool hides_alerts = false;
  const std::string& group() const override { return real_.group(); }
  Result<std::int32_t> partitions(std::string_view topic) override { return real_.partitions(topic); }
  Result<stream::Extent> range(std::string_view topic, std::int32_t partition) override { return real_.range(topic, partition); }
  Result<std::unique_ptr<stream::PartitionReader>> read(std::string_view topic, std::int32_t partition, std::int64_t from, std::optional<std::int64_t> to) override {
    if (topic == stream::kAlertsTopic && partition == 0 && before_alerts) before_alerts();
    if (topic == stream::kAlertsTopic && hides_alerts) return real_.read(stream::kTicksTopic, 0, 0, 0);
    return real_.read(topic, partition, from, to);
  }

 private:
  stream::Topics& real_;
};

SimLog looking_at(Cluster& cluster) {
  return SimLog(cluster.broker(), testing::SimLogOptions{.name = "auditor", .transactional_id = "auditor", .inputs = {kInput}});
}

TEST_F(WorkerOnSimulatedKafka, AuditNoticesThatAllAlertsAreGone) {
  Cluster cluster(21, {});
  cluster.start(0);
  quiet_hour(cluster, 150, [&] { cluster.step(0, 100ms); });
  calm_down(cluster);
  SimLog looking = looking_at(cluster);
  Meddling topics(looking);
  topics.hides_alerts = true;
  const auto report = audit(topics);
  ASSERT_TRUE(report.has_value());
  EXPECT_GT(report->problem_count, 0U) << "unchecked: " << report->unchecked;
}

TEST_F(WorkerOnSimulatedKafka, AuditBesideARunningServiceRaisesNoFalseAlarm) {
  Cluster cluster(22, {});
  cluster.start(0);
  quiet_hour(cluster, 100, [&] { cluster.step(0, 100ms); });
  SimLog looking = looking_at(cluster);
  Meddling topics(looking);
  topics.before_alerts = [&] { quiet_hour(cluster, 100, [&] { cluster.step(0, 100ms); }); };
  const auto report = audit(topics);
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT(report->problems, ::testing::IsEmpty());
}

TEST_F(WorkerOnSimulatedKafka, AuditReadsALedgerWithRetention) {
  Cluster cluster(23, {});
  cluster.start(0);
  quiet_hour(cluster, 100, [&] { cluster.step(0, 100ms); });
  calm_down(cluster);
  cluster.broker().delete_records(stream::kLedgerTopic, 0, 1);
  SimLog looking = looking_at(cluster);
  const auto report = audit(looking);
  EXPECT_TRUE(report.has_value()) << report.error().message;
}

TEST_F(WorkerOnSimulatedKafka, TwoGroupsInTheSameTopicsDoEachOtherNoHarm) {
  Cluster cluster(26, {});
  const auto both = [&] {
    cluster.step(0, 100ms);
    cluster.step(1, 100ms);
  };
  cluster.start(0);
  cluster.group = "trial/of one";
  cluster.start(1);
  quiet_hour(cluster, 150, both);
  cluster.kill(0);
  cluster.kill(1);
  cluster.start(1);
  cluster.group = "detector";
  cluster.start(0);
  quiet_hour(cluster, 100, both);
  EXPECT_TRUE(cluster.finish(0));
  EXPECT_TRUE(cluster.finish(1));
  std::map<std::string, std::uint64_t> alerts;
  for (const std::string group : {"detector", "trial/of one"}) {
    SimLog looking(cluster.broker(), testing::SimLogOptions{.name = "auditor", .group = group, .transactional_id = "auditor", .inputs = {kInput}});
    const auto report = audit(looking);
    ASSERT_TRUE(report.has_value()) << report.error().message;
    EXPECT_THAT(report->problems, ::testing::IsEmpty());
    alerts[group] = report->alerts;
    ASSERT_EQ(report->foreign.size(), 1U);
    EXPECT_NE(report->foreign.begin()->first, group);
    const auto again = recompute(looking, partition_settings(), "c0ffee");
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_THAT(again->problems, ::testing::IsEmpty());
    EXPECT_GT(again->states, 0U);
  }
  EXPECT_GT(alerts["detector"], 0U);
  EXPECT_EQ(alerts["detector"], alerts["trial/of one"]);
}

TEST_F(WorkerOnSimulatedKafka, WhatTheLogDoesNotTakeStopsItsPartitionOnly) {
  Cluster cluster(27, {});
  cluster.message_at_most = 400'000;
  cluster.start(0);
  quiet_hour(cluster, 60, [&] { cluster.step(0, 100ms); });
  cluster.put_raw("no record: " + std::string(500'000, 'x'));  // its dead letter; to partition 0
  quiet_hour(cluster, 100, [&] { cluster.step(0, 100ms); });
  const PartitionStatus stopped = partition_of(cluster, 0);
  EXPECT_EQ(stopped.state, PartitionStatus::State::kStopped);
  EXPECT_EQ(stopped.reason, "message_too_large");
  EXPECT_THAT(stopped.detail, ::testing::HasSubstr("larger than the topic takes"));
  EXPECT_GE(stopped.committed, 0);
  for (std::int32_t p = 1; p < kPartitions; ++p) EXPECT_EQ(partition_of(cluster, p).state, PartitionStatus::State::kRunning);
  EXPECT_THAT(cluster.ends(), ::testing::IsEmpty());
  // The topic takes more now, and the service is started again.
  cluster.kill(0);
  cluster.message_at_most = SIZE_MAX;
  cluster.start(0);
  calm_down(cluster);
  cluster.compare_with_oracle();
}

TEST_F(WorkerOnSimulatedKafka, MembershipIsOverWhenRevoked) {
  Cluster cluster(24, {});
  cluster.start(0);
  cluster.start(1);
  quiet_hour(cluster, 60, [&] {
    cluster.step(0, 100ms);
    cluster.step(1, 100ms);
  });
  cluster.broker().rebalance("detector");
  cluster.step(0, 100ms);
  EXPECT_FALSE(cluster.status(0).is_member && cluster.status(0).partitions.empty()) << "this reads as ready, and as drained";
}

TEST_F(WorkerOnSimulatedKafka, OneStoppedPartitionDoesNotStopTheClockOfAll) {
  Cluster cluster(25, {});
  cluster.gaps_allowed = false;
  cluster.start(0);
  quiet_hour(cluster, 60, [&] { cluster.step(0, 100ms); });
  cluster.broker().faults().offset_gap = 1;
  cluster.put_raw("{}");  // partition 0
  cluster.broker().faults().offset_gap = 0;
  for (int turn = 0; turn < 20; ++turn) cluster.step(0);
  ASSERT_EQ(partition_of(cluster, 0).state, PartitionStatus::State::kStopped);
  const auto before = cluster.broker().visible(stream::kTicksTopic, 1).size();
  for (int turn = 0; turn < 600; ++turn) cluster.step(0);
  EXPECT_GT(cluster.broker().visible(stream::kTicksTopic, 1).size(), before);
}

TEST_F(WorkerOnSimulatedKafka, MarkersAtTheEndAreNeitherLagNorLoss) {
  Cluster cluster(26, {});
  cluster.start(0);
  quiet_hour(cluster, 60, [&] { cluster.step(0, 100ms); });
  testing::SimProducer producer;
  auto& transactions = cluster.broker().transactions();
  for (int i = 0; i < 100 && producer.id == 0; ++i) {
    if (transactions.init("foreign", 10s, producer) != testing::SimError::kNone) producer = {};
    cluster.broker().advance(50ms);
  }
  ASSERT_EQ(transactions.add_partition(producer, {kInput, 0}), testing::SimError::kNone);
  const auto payload = std::make_shared<const testing::SimPayload>(std::string(kInput), std::string("k"), std::optional<std::string>("{}"), std::vector<std::pair<std::string, std::string>>{});
  ASSERT_EQ(cluster.broker().write(producer, {kInput, 0}, payload), testing::SimError::kNone);
  ASSERT_EQ(transactions.end(producer, false), testing::SimError::kNone);
  for (int turn = 0; turn < 200; ++turn) cluster.step(0);
  const PartitionStatus status = partition_of(cluster, 0);
  EXPECT_TRUE(status.caught_up);
  EXPECT_EQ(status.extent->end - status.next, 0) << "lag of a partition whose end was reached";
  EXPECT_TRUE(cluster.finish(0));
  cluster.broker().delete_records(kInput, 0, cluster.broker().extent(kInput, 0).end);  // nothing visible that was not committed
  cluster.start(0);
  for (int turn = 0; turn < 300; ++turn) cluster.step(0);
  EXPECT_EQ(partition_of(cluster, 0).state, PartitionStatus::State::kRunning) << partition_of(cluster, 0).reason << ": " << partition_of(cluster, 0).detail;
}

TEST_F(WorkerOnSimulatedKafka, TotalsDoNotCountWhatWasRolledBack) {
  Cluster cluster(27, {});
  cluster.start(0);
  quiet_hour(cluster, 60, [&] { cluster.step(0, 100ms); });
  for (int i = 0; i < 3; ++i) {
    cluster.broker().script_end({testing::SimEnd::Fate::kLost, {}});
    quiet_hour(cluster, 30, [&] { cluster.step(0, 100ms); });
  }
  for (int turn = 0; turn < 300; ++turn) cluster.step(0);
  SimLog looking = looking_at(cluster);
  const auto report = audit(looking);
  ASSERT_TRUE(report.has_value());
  std::uint64_t judged = 0;
  for (const auto& partition : report->partitions) judged += partition.judged;
  EXPECT_EQ(cluster.status(0).totals.judged, judged);
}

TEST_F(WorkerOnSimulatedKafka, TicksAreNotLostWhenTheLedgersEndIsNotVisibleYet) {
  std::size_t broken = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Cluster cluster(seed, {});
    cluster.start(0);
    quiet_hour(cluster, 150, [&] { cluster.step(0, 200ms); });
    cluster.broker().faults().marker_late = 0.3;
    cluster.broker().faults().marker_late_at_most = 120s;
    for (int turn = 0; turn < 120; ++turn) cluster.step(0);
    cluster.kill(0);
    for (std::int32_t p = 0; p < kPartitions; ++p) damage_snapshots(cluster, p, 2, false);
    cluster.start(1);
    for (int turn = 0; turn < 400; ++turn) cluster.step(1);
    calm_down(cluster);
    const auto before = ::testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();
    cluster.compare_with_oracle();
    if (::testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count() != before) { std::fprintf(stderr, "seed %llu\n", (unsigned long long)seed); ++broken; break; }
  }
  EXPECT_EQ(broken, 0U);
}

TEST_F(WorkerOnSimulatedKafka, ASnapshotThatIsNotVisibleYetIsWaitedFor) {
  std::size_t stopped = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Cluster cluster(seed, {});
    cluster.start(0);
    quiet_hour(cluster, 60, [&] { cluster.step(0, 200ms); });
    for (int turn = 0; turn < 30; ++turn) cluster.step(0);
    EXPECT_TRUE(cluster.finish(0));
    // Days go by: retention takes what was committed and saved.
    for (std::int32_t p = 0; p < kPartitions; ++p) cluster.broker().delete_records(kInput, p, cluster.broker().extent(kInput, p).end);
    cluster.start(0);
    for (int turn = 0; turn < 100; ++turn) cluster.step(0);
    for (const Call& call : testing::traffic(30, 4)) cluster.put(call);
    for (int turn = 0; turn < 10; ++turn) cluster.step(0);
    EXPECT_TRUE(cluster.finish(0));  // a whole new snapshot of everything, committed
    for (std::int32_t p = 0; p < kPartitions; ++p) cluster.broker().delete_records(kInput, p, cluster.broker().extent(kInput, p).end);
    cluster.start(0);
    for (int turn = 0; turn < 100; ++turn) cluster.step(0);
    for (const Call& call : testing::traffic(30, 5)) cluster.put(call);
    cluster.broker().faults().marker_late = 0.5;
    cluster.broker().faults().marker_late_at_most = 3s;
    for (int turn = 0; turn < 3; ++turn) cluster.step(0);
    EXPECT_TRUE(cluster.finish(0));
    cluster.broker().faults() = {};
    for (std::int32_t p = 0; p < kPartitions; ++p) cluster.broker().delete_records(kInput, p, cluster.broker().extent(kInput, p).end);
    cluster.start(0, 1);
    for (int turn = 0; turn < 1'000; ++turn) cluster.step(0);
    for (std::int32_t p = 0; p < kPartitions; ++p) {
      const PartitionStatus status = partition_of(cluster, p);
      if (status.state == PartitionStatus::State::kRunning) continue;
      ++stopped;
      if (stopped < 3) std::fprintf(stderr, "seed %d: %s: %s\n", static_cast<int>(seed), status.reason.c_str(), status.detail.c_str());
    }
  }
  EXPECT_EQ(stopped, 0U) << "partitions stopped for good, of 40";
}

TEST(WorkerByHand, AStateSurvivesThatADetectorIsSwitchedOff) {
  PartitionSettings all = partition_settings(), fewer = partition_settings();
  fewer.cells.detectors.erase(fewer.cells.detectors.begin());
  JudgeTools tools(all.cells);
  Counting counting(all.cells);
  PartitionOutput output;
  Partition partition(all, 0, 1);
  std::int64_t offset = 0;
  for (Call call : testing::traffic(50, 3)) {
    call.time = Timestamp{std::chrono::seconds{1'700'000'000 + offset}};
    std::string padded = testing::to_json(call) + std::string(event::kPadding, ' ');
    stream::Message message;
    message.offset = offset++;
    message.value = std::string_view(padded).substr(0, padded.size() - event::kPadding);
    partition.judge(message, tools, counting, output);
  }
  Partition again(fewer, 0, 1);
  const auto loaded = again.load(partition.save());
  EXPECT_TRUE(loaded.has_value()) << loaded.error().message;
}

/// A log of one partition, by hand: what a test says comes, and what is asked for is kept.
class ByHand final : public stream::PartitionedLog {
 public:
  std::function<void(stream::Polled&, stream::Member&)> next;
  std::vector<std::chrono::milliseconds> waits;
  std::vector<stream::Outgoing> appended;
  std::vector<std::pair<std::size_t, std::size_t>> commits;  // appended, progress
  std::vector<std::string> metadata;

  Result<void> poll(std::chrono::milliseconds wait, stream::Polled& polled, stream::Member& member) override {
    polled.clear();
    waits.push_back(wait);
    if (next) std::exchange(next, {})(polled, member);
    return {};
  }
  void start(stream::PartitionId) override {}
  void stop(stream::PartitionId) override {}
  void append(stream::Outgoing message) override { appended.push_back(std::move(message)); }
  Result<stream::CommitResult> commit(std::span<const stream::Progress> progress) override {
    commits.emplace_back(appended.size(), progress.size());
    for (const auto& one : progress) metadata.push_back(one.metadata);
    appended.clear();
    return stream::CommitResult::kCommitted;
  }
  Result<std::vector<stream::Assigned>> rewind() override { return std::vector<stream::Assigned>{}; }
  Result<void> leave(stream::Member&) override { return {}; }
  const std::vector<std::string>& inputs() const override { return inputs_; }
  const std::string& group() const override { return group_; }
  Result<std::int32_t> partitions(std::string_view) override { return 1; }
  Result<stream::Extent> range(std::string_view, std::int32_t) override { return stream::Extent{}; }
  std::optional<stream::Extent> extent(stream::PartitionId) const override { return std::nullopt; }
  struct Nothing final : stream::PartitionReader {
    Result<bool> read(std::chrono::milliseconds, stream::MessageBatch& batch) override { return batch.clear(), false; }
  };
  Result<std::unique_ptr<stream::PartitionReader>> read(std::string_view, std::int32_t, std::int64_t, std::optional<std::int64_t>) override { return std::make_unique<Nothing>(); }
  std::string trouble() const override { return {}; }
  void wake() override {}

 private:
  const std::string group_ = "detector";
  std::vector<std::string> inputs_{kInput};
};

struct Handmade {
  ByHand log;
  WorkerObserver nobody;
  std::chrono::milliseconds now{1'000'000};
  std::int64_t offset = 0;
  std::vector<std::string> kept;
  std::unique_ptr<Worker> worker;

  Handmade(std::chrono::milliseconds snapshot_interval) {
    WorkerOptions options;
    options.partitions = partition_settings();
    options.config = "c0ffee";
    options.snapshot_interval = snapshot_interval;
    options.now = [this] { return now; };
    worker = std::make_unique<Worker>(log, std::move(options), nobody);
    log.next = [](stream::Polled&, stream::Member& member) { member.assigned({{.partition = {0, 0}, .next_offset = 0, .metadata = {}, .trouble = {}}}); };
    for (int i = 0; i < 20; ++i) step(2'000ms);
  }
  void step(std::chrono::milliseconds passes) {
    (void)worker->step(100ms);
    now += passes;
  }
  void give(stream::Polled& polled, std::string json) {
    kept.push_back(std::move(json) + std::string(event::kPadding, ' '));
    auto padded = std::make_shared<std::string>(kept.back());
    stream::Message message;
    message.offset = offset++;
    message.origin = kInput;
    message.value = std::string_view(*padded).substr(0, padded->size() - event::kPadding);
    polled.batch.messages.push_back(message);
    polled.batch.holds.push_back(padded);
  }
};

TEST(WorkerByHand, AWorkerThatLostEverythingDoesNotSpin) {
  log::set_level(log::Level::kOff);
  Handmade hand(1h);
  // Something is said within the 50 ms after a commit ...
  bool alert = false;
  for (const Call& original : testing::traffic(200, 9)) {
    Call call = original;
    call.time = Timestamp{std::chrono::seconds{1'700'000'000 + hand.offset}};
    hand.log.next = [&](stream::Polled& polled, stream::Member&) { hand.give(polled, testing::to_json(call)); };
    hand.step(0ms);
    hand.log.waits.clear();
    hand.step(0ms);
    if (hand.log.waits.back() == 50ms) { alert = true; break; }  // until_due: an alert waits
  }
  ASSERT_TRUE(alert);
  // ... and then it loses its partitions.
  hand.log.next = [](stream::Polled&, stream::Member& member) {
    const stream::PartitionId id{0, 0};
    member.lost({&id, 1});
  };
  hand.step(10s);
  hand.log.waits.clear();
  for (int i = 0; i < 100; ++i) hand.step(1s);
  EXPECT_EQ(std::count(hand.log.waits.begin(), hand.log.waits.end(), 0ms), 0) << "turns that wait for nothing, of 100";
}

TEST(WorkerByHand, ChunksOfASnapshotAreFencedByTheGeneration) {
  log::set_level(log::Level::kOff);
  Handmade hand(10s);
  hand.log.next = [&](stream::Polled& polled, stream::Member&) {
    const auto calls = testing::traffic(200, 9);
    for (int i = 0; i < 20'000; ++i) {
      Call call = calls[static_cast<std::size_t>(i) % calls.size()];
      call.account = std::to_string(100000000000 + i);
      call.id += std::to_string(i);
      call.time = Timestamp{std::chrono::seconds{1'700'000'000 + i / 1000}};
      hand.give(polled, testing::to_json(call));
    }
  };
  hand.step(1s);
  std::fprintf(stderr, "state: %llu bytes\n", static_cast<unsigned long long>(hand.worker->state_of({0, 0})->bytes));
  for (int i = 0; i < 40; ++i) hand.step(500ms);
  std::size_t unfenced = 0;
  for (const auto& [records, progress] : hand.log.commits) unfenced += records > 0 && progress == 0 ? 1 : 0;
  EXPECT_EQ(unfenced, 0U) << "commits that wrote something without offsets, so without a generation";
}

}  // namespace
}  // namespace trailwarden::pipeline
