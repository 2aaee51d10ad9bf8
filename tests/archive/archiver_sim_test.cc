// The archiver on a simulated Kafka and a store that fails: whatever happens, every record is in exactly one object, and nothing else is in the store.

#include <map>
#include <memory>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/archiver.h"
#include "core/log.h"
#include "testing/failing_cluster.h"
#include "testing/from_environment.h"
#include "testing/memory_object_store.h"
#include "testing/sim_broker.h"
#include "testing/sim_log.h"
#include "testing/sim_members.h"
#include "testing/traffic.h"
#include "trail/gzip.h"

namespace trailwarden::archive {
namespace {

using namespace std::chrono_literals;
using testing::MemoryObjectStore;
using testing::SimBroker;
using testing::SimFaults;
using testing::SimLog;
using testing::from_environment;
using testing::kInput;
using testing::kPartitions;

/// Archivers on one broker with one store, started and killed as a seed has it.
class Cluster : public testing::FailingCluster {
 public:
  Cluster(std::uint64_t seed, SimFaults faults) : testing::FailingCluster(seed, faults) { broker_.create_topic(stream::kManifestTopic, 2); }

  bool changes_rules = false;  // each archiver that starts may have others

  std::optional<std::int64_t> committed(std::int32_t partition) {
    const auto committed = broker_.committed("archiver", kInput, partition);
    return committed ? std::optional(committed->next_offset) : std::nullopt;
  }
  ArchiverStatus status(std::size_t slot) const { return members_.at(slot).archiver->status(); }
  const std::vector<ManifestObject>& manifest() {
    objects_.clear();
    read_manifest();
    return objects_;
  }
  void start(std::size_t slot) {
    if (members_.has(slot)) return;
    auto member = std::make_unique<Member>();
    member->log = std::make_unique<SimLog>(broker_, testing::SimLogOptions{.name = "archiver-" + std::to_string(slot) + "." + std::to_string(++incarnations_),
                                                                           .group = "archiver",
                                                                           .transactional_id = "archiver-" + std::to_string(slot),
                                                                           .inputs = {kInput},
                                                                           .ticks_topic = std::string(stream::kTicksTopic),
                                                                           .poll_at_most = 1 + broker_.dice().below(8)});
    trail::TrailConfig trail;
    trail.name = "main";
    trail.home_region = "eu-west-1";
    ArchiverOptions options;
    options.destinations.emplace_back(trail, store_);
    options.rules = changes_rules && broker_.dice().chance(0.5) ? EpochRules{30s, 9'000} : testing::kEpochRules;
    options.now = [this] { return broker_.now().time_since_epoch(); };
    options.delivery.threads = 1;
    options.delivery.patience = 2s;
    options.delivery.now = options.now;
    options.delivery.sleep = [this](std::chrono::milliseconds time) { broker_.advance(time); };
    options.gaps_allowed = {true};
    options.tick_grace = 1s;
    member->archiver = std::make_unique<Archiver>(*member->log, std::move(options));
    members_.add(slot, std::move(member));
  }
  void kill(std::size_t slot) { members_.kill(slot); }
  void step(std::size_t slot) {
    members_.let(slot, [](Member& member) { return member.archiver->step(200ms).has_value(); });
  }
  std::vector<std::size_t> alive() const { return members_.slots(); }
  std::size_t cuts() const { return members_.cuts(); }

  bool is_drained() { return has_consumed("archiver"); }

  void compare_with_the_log() {
    read_manifest();
    for (std::int32_t p = 0; p < kPartitions; ++p) expect_tiles(p);
    std::set<std::string> keys;
    for (const ManifestObject& object : objects_) {
      EXPECT_TRUE(keys.insert(object.key).second) << "twice in the manifest: " << object.key;
      const auto stored = store_->objects.find(object.key);
      ASSERT_NE(stored, store_->objects.end()) << object.key;
      std::string text(object.text_bytes, '\0');
      ASSERT_EQ(trail::MemberInflater().inflate(stored->second.bytes, text).status, trail::MemberInflater::Status::kDone);
      EXPECT_EQ(text, expected(object.epoch, object.place)) << object.key;
    }
    for (const auto& [key, object] : store_->objects) EXPECT_TRUE(keys.contains(key)) << "not in the manifest: " << key;
  }
  std::size_t objects() const { return objects_.size(); }

 private:
  struct Member {
    std::unique_ptr<SimLog> log;
    std::unique_ptr<Archiver> archiver;
  };

  void read_manifest() {
    for (std::int32_t p = 0; p < 2; ++p) {
      for (const auto& record : broker_.visible(stream::kManifestTopic, p)) {
        auto parsed = parse_manifest_record(*record.value);
        ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
        if (auto* const object = std::get_if<ManifestObject>(&*parsed)) objects_.push_back(std::move(*object));
        else if (auto* const epoch = std::get_if<ManifestEpoch>(&*parsed)) epochs_[epoch->epoch.partition].push_back(*epoch);
      }
    }
  }

  /// Epochs follow one another, and end only where a slot of time does, or where they are full.
  void expect_tiles(std::int32_t p) {
    std::map<std::int64_t, std::pair<std::int64_t, std::uint64_t>> at;  // slot and bytes, by offset
    for (const auto& record : broker_.visible(kInput, p))
      at[record.offset] = {std::chrono::floor<std::chrono::seconds>(record.append_time.time_since_epoch()) / testing::kEpochRules.length, record.value->size()};
    std::int64_t next = 0, slot_before = -1;
    std::uint64_t bytes_before = 0;
    for (const ManifestEpoch& epoch : epochs_[p]) {
      const auto from = at.find(epoch.epoch.from);
      ASSERT_NE(from, at.end());
      EXPECT_EQ(at.lower_bound(next), from) << "records are left out, or archived twice, at " << epoch.epoch.from;
      const std::int64_t slot = from->second.first;
      EXPECT_TRUE(changes_rules || slot > slot_before || bytes_before >= testing::kEpochRules.most_bytes) << "an epoch of its own for no reason at " << epoch.epoch.from;
      std::uint64_t bytes = 0;
      for (auto record = from; record != at.end() && record->first < epoch.epoch.to; ++record) {
        EXPECT_EQ(record->second.first, slot);
        EXPECT_LT(bytes, testing::kEpochRules.most_bytes);
        bytes += record->second.second;
      }
      next = epoch.epoch.to;
      slot_before = slot;
      bytes_before = bytes;
    }
    EXPECT_EQ(at.lower_bound(next), at.end());
  }

  /// What an object has to hold.
  std::string expected(const EpochRange& range, const trail::Place& place) {
    std::string out;
    for (const auto& record : broker_.visible(kInput, range.partition)) {
      if (record.offset < range.from || record.offset >= range.to) continue;
      std::istringstream lines(*record.value);
      for (std::string line; std::getline(lines, line);)
        if (line.find("\"recipientAccountId\":\"" + place.account) != std::string::npos && line.find("\"awsRegion\":\"" + place.region) != std::string::npos) out += (out.empty() ? "" : ",") + line;
    }
    return "{\"Records\":[" + out + "]}";
  }

  testing::SimMembers<Member> members_;
  std::vector<ManifestObject> objects_;
  std::map<std::int32_t, std::vector<ManifestEpoch>> epochs_;
  int incarnations_ = 0;
};

void live_through(Cluster& cluster, std::uint64_t seed) {
  testing::SimDice& dice = cluster.broker().dice();
  const std::vector<testing::Call> calls = testing::traffic(300, static_cast<std::uint32_t>(seed));
  cluster.start(0);
  for (std::size_t next = 0; next < calls.size();) {
    switch (dice.below(16)) {
      case 0: cluster.start(dice.below(3)); break;
      case 1:
        if (dice.chance(0.3)) cluster.kill(dice.below(3));
        break;
      case 2: cluster.cut_after(dice.between(1, 60)); break;
      case 3: cluster.store_is_away = dice.chance(0.2); break;
      case 4: cluster.tick(); break;
      case 5:
      case 6: {
        std::vector<testing::Call> together;
        for (std::uint64_t n = dice.between(1, 5); n > 0 && next < calls.size(); --n) together.push_back(calls[next++]);
        cluster.put(together);
        break;
      }
      default: {
        const auto alive = cluster.alive();
        if (alive.empty()) cluster.start(dice.below(3));
        else cluster.step(alive[dice.below(alive.size())]);
        cluster.broker().advance(dice.within(1'500ms));
      }
    }
  }
}

void calm_down(Cluster& cluster) {
  cluster.broker().faults() = {};
  cluster.cut_after(0);
  cluster.trouble = 0;
  cluster.store_is_away = false;
  for (int turn = 0; turn < 5'000 && !cluster.is_drained(); ++turn) {
    if (cluster.alive().empty()) cluster.start(0);
    for (const std::size_t slot : cluster.alive()) cluster.step(slot);
    if (turn % 20 == 0) cluster.tick();
    cluster.broker().advance(500ms);
  }
  EXPECT_TRUE(cluster.is_drained());
}

class ArchiverOnSimulatedKafka : public ::testing::TestWithParam<bool> {};

TEST_P(ArchiverOnSimulatedKafka, ArchivesEveryRecordOnceWhateverHappens) {
  log::set_level(log::Level::kOff);
  const std::uint64_t first = from_environment("TRAILWARDEN_SEED", 1), seeds = from_environment("TRAILWARDEN_SEEDS", 100);
  std::size_t objects = 0, cuts = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    Cluster cluster(seed, SimFaults::harsh());
    cluster.changes_rules = GetParam();
    live_through(cluster, seed);
    calm_down(cluster);
    cluster.compare_with_the_log();
    objects += cluster.objects();
    cuts += cluster.cuts();
    if (!HasFailure()) continue;
    std::fprintf(stderr, "%s\n", cluster.broker().trace().tail(60).c_str());
    FAIL() << "repeat it with TRAILWARDEN_SEEDS=1 TRAILWARDEN_SEED=" << seed;
  }
  if (seeds < 20) return;
  EXPECT_GT(objects, 10 * seeds) << "runs in which little is archived prove little";
  EXPECT_GT(cuts, seeds / 4);
}

/// One record in each of two partitions, and time enough for their epochs to end.
void archive_two(Cluster& cluster) {
  cluster.trouble = 0;
  cluster.start(0);
  cluster.step(0);
  cluster.put_into(0, {.id = "a", .account = "111122223333"});
  cluster.put_into(1, {.id = "b", .account = "444455556666"});
}
void let_time_pass(Cluster& cluster) {
  for (int turn = 0; turn < 200; ++turn) {
    if (cluster.alive().empty()) cluster.start(0);
    cluster.step(0);
    if (turn % 10 == 0) cluster.tick();
    cluster.broker().advance(500ms);
  }
}

/// The keys that the records of `archive_two` come to.
std::map<std::string, trail::StoredObject> objects_of_two() {
  Cluster cluster(1, {});
  archive_two(cluster);
  let_time_pass(cluster);
  return {cluster.store().objects.begin(), cluster.store().objects.end()};
}

TEST(Archiver, LeavesWhatAnotherVersionWroteOfTheSameRecords) {
  const auto ours = objects_of_two();
  ASSERT_EQ(ours.size(), 2u);
  Cluster cluster(1, {});
  archive_two(cluster);
  for (auto [key, object] : ours) {
    object.bytes += "otherwise deflated";
    object.metadata["sha256"] = "0123";
    cluster.store().objects[key] = object;
  }
  let_time_pass(cluster);
  EXPECT_EQ(cluster.committed(0), 1);
  EXPECT_EQ(cluster.store().objects.size(), 2u);
  const auto manifest = cluster.manifest();
  ASSERT_EQ(manifest.size(), 2u);
  for (const ManifestObject& object : manifest) EXPECT_EQ(object.sha256, "0123");
  EXPECT_EQ(cluster.status(0).newest_objects, (std::map<std::string, Timestamp>{{"main", std::max(manifest[0].delivered, manifest[1].delivered)}}));
  for (const auto& [key, object] : cluster.store().objects) EXPECT_THAT(object.bytes, ::testing::EndsWith("otherwise deflated"));
}

TEST(Archiver, StopsAPartitionWhoseObjectIsSomebodyElses) {
  log::set_level(log::Level::kOff);
  const auto ours = objects_of_two();
  Cluster cluster(1, {});
  archive_two(cluster);
  for (const auto& [key, object] : ours)
    if (key.find("111122223333") != std::string::npos) cluster.store().objects[key] = {"theirs", {{"epoch", "elsewhere/0/0-9"}}};
  let_time_pass(cluster);
  EXPECT_EQ(cluster.committed(0), 0) << "not delivered";
  EXPECT_EQ(cluster.committed(1), 1) << "the others go on";
  std::vector<std::string> stopped;
  for (const auto& partition : cluster.status(0).partitions) stopped.push_back(partition.stopped);
  EXPECT_THAT(stopped, ::testing::Contains(::testing::HasSubstr("is there already, of epoch elsewhere/0/0-9")));
  EXPECT_FALSE(cluster.status(0).blocked.has_value());
}

INSTANTIATE_TEST_SUITE_P(, ArchiverOnSimulatedKafka, ::testing::Values(false, true), [](const auto& test) { return test.param ? "WithOtherRulesNowAndThen" : "ByTheSameRules"; });

TEST(EpochRules, AreReadAsTheyWereWritten) {
  EXPECT_EQ(parse_epoch_rules(to_metadata(testing::kEpochRules)).value(), testing::kEpochRules);
  for (const char* const text : {"1", "2 length=60 bytes=1", "1 length=0 bytes=1", "1 length=60 bytes=0", "1 length=60 bytes=1 more", "1 bytes=1 length=60", "1 config=c0ffee begin=0"})
    EXPECT_FALSE(parse_epoch_rules(text).has_value()) << text;
}

}  // namespace
}  // namespace trailwarden::archive
