// Archivers and digest writers on a simulated Kafka and a store that fails: whatever happens, every object is in exactly one digest, the chains hold, and the
// digests are those that a calm writer makes of the same manifest.

#include <map>
#include <memory>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/archiver.h"
#include "archive/digest_writer.h"
#include "archive/trail_watch.h"
#include "core/hash.h"
#include "core/log.h"
#include "testing/failing_cluster.h"
#include "testing/from_environment.h"
#include "testing/memory_object_store.h"
#include "testing/sim_broker.h"
#include "testing/sim_log.h"
#include "testing/sim_members.h"
#include "testing/temp_dir.h"
#include "testing/traffic.h"
#include "trail/gzip.h"
#include "trail/trail_keys.h"
#include "trail/validate.h"

namespace trailwarden::archive {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::MemoryObjectStore;
using testing::SimBroker;
using testing::SimFaults;
using testing::SimLog;
using testing::from_environment;
using testing::kInput;
using testing::kPartitions;

/// Keys are slow to make and depend on the hours alone, so that all tests may share them.
const std::string& key_folder() {
  static const testing::TempDir folder;
  static const std::string path = folder.path("keys");
  return path;
}

trail::TrailConfig trail_config() {
  trail::TrailConfig trail;
  trail.name = "main";
  trail.home_region = "eu-west-1";
  trail.digest.key_directory = key_folder();
  trail.digest.verify.requests_per_second = 10'000;
  return trail;
}

/// Two archivers and two digest writers on one broker with one store, started and killed as a seed has it.
class Cluster : public testing::FailingCluster {
 public:
  explicit Cluster(std::uint64_t seed, SimFaults faults, std::int32_t manifest_partitions = 1) : testing::FailingCluster(seed, faults) {
    broker_.create_topic(stream::kManifestTopic, manifest_partitions);
    broker_.create_topic(stream::kDigestsTopic, 1, true);
    broker_.create_topic(stream::kAlertsTopic, 1);
  }

  static constexpr std::size_t kArchivers = 2, kMembers = 4;  // slots: archivers, then digest writers

  std::uint64_t most_checks = 0;  // of one writer's life
  std::set<std::string> problems;

  /// A log of hours ago that becomes known now.
  void put_late(std::uint64_t hours) {
    const Timestamp delivered = std::chrono::floor<std::chrono::seconds>(broker_.now()) - std::chrono::hours{hours};
    const std::string text = R"({"Records":[{"eventID":"late-)" + std::to_string(late_++) + R"("}]})";
    const trail::Place place{"111122223330", "eu-west-1"};
    ManifestObject object{.epoch = {kInput, 0, 0, 0}, .trail = "main", .bucket = store_->bucket(), .place = place, .delivered = delivered, .sha256 = sha256_hex(text)};
    object.key = trail::log_key(trail_config().names(), trail::ObjectKind::kLog, place, delivered, trail::unique_part(text));
    trail::MemberDeflater(1).deflate(text, store_->objects[object.key].bytes);
    broker_.put(stream::kManifestTopic, 0, to_json(object));
  }

  void start(std::size_t slot) {
    if (members_.has(slot)) return;
    const bool archives = slot < kArchivers;
    auto member = std::make_unique<Member>();
    testing::SimLogOptions log{.group = archives ? "archiver" : "digest"};
    log.transactional_id = log.group + "-" + std::to_string(slot);
    log.name = log.transactional_id + "." + std::to_string(++incarnations_);
    log.inputs = {archives ? kInput : std::string(stream::kManifestTopic)};
    if (archives) log.ticks_topic = stream::kTicksTopic;
    log.poll_at_most = 1 + broker_.dice().below(8);
    member->log = std::make_unique<SimLog>(broker_, std::move(log));
    archives ? make_archiver(*member) : make_writer(*member);
    members_.add(slot, std::move(member));
  }
  void kill(std::size_t slot) { members_.kill(slot); }
  void step(std::size_t slot) {
    members_.let(slot, [this](Member& member) {
      const auto done = member.archiver ? member.archiver->step(200ms) : member.writer->step(200ms);
      if (done) watch(member);
      return done.has_value();
    });
  }
  std::vector<std::size_t> alive() const { return members_.slots(); }
  std::size_t cuts() const { return members_.cuts(); }
  DigestStatus status(std::size_t slot) const { return members_.at(slot).writer->status(); }
  DigestWriter& writer(std::size_t slot) { return *members_.at(slot).writer; }

  static constexpr int kTellings = 3;
  static void tell(DigestWriter& writer, const std::string& id) {
    writer.tell({{id, {.topic = std::string(stream::kAlertsTopic), .key = "111122223333", .value = "{\"id\":\"" + id + "\"}", .headers = {{"alert-id", id}}}}});
  }
  std::multiset<std::string> told() {
    std::multiset<std::string> out;
    for (const auto& record : broker_.visible(stream::kAlertsTopic, 0)) {
      out.insert(record.headers.at(0).second);
      EXPECT_THAT(record.headers.at(1).second, ::testing::StartsWith("digest/trailwarden.manifest/0/"));
    }
    return out;
  }

  std::vector<ManifestRecord> manifest() {
    std::vector<ManifestRecord> out;
    for (const auto& record : broker_.visible(stream::kManifestTopic, 0)) out.push_back(parse_manifest_record(*record.value).value());
    return out;
  }
  /// Everything is archived, and every object that is in the manifest is in a digest.
  bool is_done() {
    if (!has_consumed("archiver")) return false;
    std::size_t objects = 0;
    for (const ManifestRecord& record : manifest()) objects += std::holds_alternative<ManifestObject>(record) ? 1 : 0;
    return listed().size() == objects;
  }

  std::map<std::string, trail::StoredObject> digests() const {
    std::map<std::string, trail::StoredObject> out;
    for (const auto& [key, object] : store_->objects)
      if (key.find("CloudTrail-Digest") != std::string::npos) out[key] = object;
    return out;
  }
  std::multiset<std::string> listed() const {
    std::multiset<std::string> out;
    trail::MemberInflater inflater;
    std::string room;
    for (const auto& [key, object] : digests()) {
      const auto opened = trail::open_digest(inflater, object.bytes, room);
      for (const trail::DigestedLog& log : opened->digest.logs) out.insert(log.key);
    }
    return out;
  }

  void expect_that_it_holds() {
    const auto manifest = this->manifest();
    std::multiset<std::string> archived;
    std::map<std::int32_t, Timestamp> said;
    for (const ManifestRecord& record : manifest) {
      if (const auto* object = std::get_if<ManifestObject>(&record)) {
        archived.insert(object->key);
        if (object->sha256.empty() || object->epoch.to == 0) continue;  // late by our own hand
        EXPECT_GE(object->delivered, said[object->epoch.partition]) << "the manifest promised that nothing would be delivered that early: " << object->key;
      } else if (const auto* epoch = std::get_if<ManifestEpoch>(&record)) {
        said[epoch->epoch.partition] = std::max(said[epoch->epoch.partition], epoch->delivered);
      } else {
        const auto& progress = std::get<ManifestProgress>(record);
        said[progress.partition] = std::max(said[progress.partition], progress.delivered);
        ++progress_records;
      }
    }
    EXPECT_EQ(listed(), archived);
    EXPECT_THAT(told(), ::testing::ElementsAre("problem-0", "problem-1", "problem-2"));
    EXPECT_THAT(problems, ::testing::IsEmpty()) << "nobody has changed anything";
    expect_the_same_as_a_calm_writer(manifest);
    expect_valid();
  }
  std::size_t progress_records = 0;

 private:
  struct Member {
    std::unique_ptr<SimLog> log;
    std::unique_ptr<Archiver> archiver;
    std::unique_ptr<DigestWriter> writer;
    std::unique_ptr<TrailWatch> watch;
  };

  /// Whoever writes the digests looks now and then whether all is as it was. The store answers meanwhile, for a watch waits in real time.
  void watch(Member& member) {
    if (!member.watch || !broker_.dice().chance(0.1)) return;
    const double trouble_before = std::exchange(trouble, 0);
    const bool was_away = std::exchange(store_is_away, false);
    member.watch->step();
    trouble = trouble_before;
    store_is_away = was_away;
    for (const TrailProblem& problem : member.watch->take_new()) problems.insert(std::string(to_string(problem.kind)) + " " + problem.key);
    for (const WatchedTrail& trail : member.watch->status()) {
      EXPECT_EQ(trail.why_failed, "");
      most_checks = std::max(most_checks, trail.done);
    }
  }

  void make_archiver(Member& member) {
    ArchiverOptions options;
    options.destinations.emplace_back(trail_config(), store_);
    options.rules = testing::kEpochRules;
    options.now = [this] { return broker_.now().time_since_epoch(); };
    options.delivery.threads = 1;
    options.delivery.patience = 2s;
    options.delivery.now = options.now;
    options.delivery.sleep = [this](std::chrono::milliseconds time) { broker_.advance(time); };
    options.gaps_allowed = {true};
    options.tick_grace = 1s;
    member.archiver = std::make_unique<Archiver>(*member.log, std::move(options));
  }
  void make_writer(Member& member) {
    DigestOptions options;
    options.destinations.emplace_back(trail_config(), store_);
    options.inputs = {kInput};
    options.threads = 1;
    options.longest_wait = 5s;
    options.now = [this] { return broker_.now().time_since_epoch(); };
    member.writer = std::make_unique<DigestWriter>(*member.log, std::move(options));
    WatchOptions watch{.destinations = {{trail_config(), store_}}, .sharing = {}, .written = [writer = member.writer.get()] { return writer->written_digests(); },
                       .now = [this] { return std::chrono::floor<std::chrono::seconds>(broker_.now()); }};
    member.watch = std::make_unique<TrailWatch>(std::move(watch));
    // Whoever begins finds again what was found before.
    for (int i = 0; i < kTellings; ++i) tell(*member.writer, "problem-" + std::to_string(i));
  }

  void expect_the_same_as_a_calm_writer(const std::vector<ManifestRecord>& manifest) {
    const std::vector<Destination> destinations{{trail_config(), store_}};
    DigestBook book(destinations);
    book.expect({{kInput, kPartitions}});
    auto keys = trail::open_keys(trail_config().digest).value();
    trail::MemberDeflater deflater(6);
    const auto stored = digests();
    std::size_t made = 0;
    for (const ManifestRecord& record : manifest) {
      book.take(record);
      for (; book.due(); book.pass()) {
        for (auto due = book.next(1, {}); !due.empty(); due = book.next(1, {})) {
          const trail::SealedDigest sealed = trail::seal(due[0].digest, *keys.key_for(due[0].digest.end).value(), deflater);
          book.written(due[0].chain, sealed.digest, sealed.sha256, sealed.signature);
          const auto found = stored.find(sealed.digest.key);
          if (found == stored.end()) continue;  // the last hour may not have come yet
          ++made;
          EXPECT_EQ(found->second.bytes, sealed.bytes) << sealed.digest.key;
          EXPECT_EQ(found->second.metadata, sealed.metadata) << sealed.digest.key;
        }
      }
    }
    EXPECT_EQ(made, stored.size()) << "digests that a calm writer does not make";
  }

  void expect_valid() {
    store_->refuse = store_->lose = {};
    trail::KnownKeys keys(trail::published_keys(key_folder()).value());
    const auto report = trail::validate_trail(*store_, keys, {.bucket = store_->bucket()});
    ASSERT_TRUE(report.has_value()) << report.error().message;
    EXPECT_TRUE(report->intact()) << trail::to_text(*report);
    for (const trail::Checked& problem : report->problems) ADD_FAILURE() << trail::to_line(problem);
  }

  testing::SimMembers<Member> members_;
  int incarnations_ = 0, late_ = 0;
};

void live_through(Cluster& cluster, std::uint64_t seed) {
  testing::SimDice& dice = cluster.broker().dice();
  const std::vector<testing::Call> calls = testing::traffic(150, static_cast<std::uint32_t>(seed));
  cluster.start(0);
  cluster.start(Cluster::kArchivers);
  for (std::size_t next = 0; next < calls.size();) {
    switch (dice.below(20)) {
      case 0: cluster.start(dice.below(Cluster::kMembers)); break;
      case 1:
        if (dice.chance(0.3)) cluster.kill(dice.below(Cluster::kMembers));
        break;
      case 2: cluster.cut_after(dice.between(1, 60)); break;
      case 3: cluster.store_is_away = dice.chance(0.2); break;
      case 4: cluster.tick(); break;
      case 5:
        if (dice.chance(0.3)) cluster.put_late(dice.between(0, 4));
        break;
      case 6:  // quiet for a while
        cluster.broker().advance(dice.within(40min));
        cluster.tick();
        break;
      case 7: {
        std::vector<testing::Call> together;
        for (std::uint64_t n = dice.between(1, 5); n > 0 && next < calls.size(); --n) together.push_back(calls[next++]);
        cluster.put(together);
        break;
      }
      default: {
        const auto alive = cluster.alive();
        if (alive.size() < 2) cluster.start(dice.below(Cluster::kMembers));
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
  for (int turn = 0; turn < 3'000 && (turn % 50 != 49 || !cluster.is_done()); ++turn) {
    cluster.start(0);
    cluster.start(Cluster::kArchivers);
    for (const std::size_t slot : cluster.alive()) cluster.step(slot);
    if (turn % 20 == 0) cluster.tick();
    cluster.broker().advance(turn % 200 == 199 ? std::chrono::milliseconds{20min} : 500ms);
  }
  EXPECT_TRUE(cluster.is_done());
}

TEST(DigestsOnSimulatedKafka, ListEveryObjectOnceWhateverHappens) {
  log::set_level(log::Level::kOff);
  const std::uint64_t first = from_environment("TRAILWARDEN_SEED", 1), seeds = from_environment("TRAILWARDEN_SEEDS", 40);
  std::size_t digests = 0, backfills = 0, cuts = 0, progress = 0, checks = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    Cluster cluster(seed, SimFaults::harsh());
    live_through(cluster, seed);
    calm_down(cluster);
    cluster.expect_that_it_holds();
    for (const auto& [key, object] : cluster.digests()) ++(trail::is_backfill(key) ? backfills : digests);
    cuts += cluster.cuts();
    progress += cluster.progress_records;
    checks += cluster.most_checks;
    if (!HasFailure()) continue;
    std::fprintf(stderr, "%s\n", cluster.broker().trace().tail(60).c_str());
    FAIL() << "repeat it with TRAILWARDEN_SEEDS=1 TRAILWARDEN_SEED=" << seed;
  }
  RecordProperty("digests", static_cast<int>(digests));
  RecordProperty("backfills", static_cast<int>(backfills));
  if (seeds < 20) return;
  EXPECT_GT(digests, 20 * seeds) << "runs in which little is written prove little";
  EXPECT_GT(backfills, seeds);
  EXPECT_GT(progress, seeds);
  EXPECT_GT(cuts, seeds / 2);
  EXPECT_GT(checks, 2 * seeds);
}

/// One record in each of two partitions, and some hours.
void some_hours(Cluster& cluster, int turns = 600) {
  cluster.trouble = 0;
  for (int turn = 0; turn < turns; ++turn) {
    cluster.start(0);
    cluster.start(Cluster::kArchivers);
    if (turn == 10) cluster.put_into(0, {.id = "a", .account = "111122223333"});
    if (turn == 10) cluster.put_into(1, {.id = "b", .account = "444455556666"});
    for (const std::size_t slot : cluster.alive()) cluster.step(slot);
    if (turn % 10 == 0) cluster.tick();
    cluster.broker().advance(turn % 50 == 49 ? std::chrono::milliseconds{30min} : 500ms);
  }
}

TEST(DigestWriter, StopsTheChainWhereSomebodyElsesDigestStands) {
  log::set_level(log::Level::kOff);
  Cluster calm(1, {});
  some_hours(calm);
  const auto digests = calm.digests();
  const auto first = digests.begin()->first;
  ASSERT_THAT(first, HasSubstr("111122223333"));

  Cluster cluster(1, {});
  cluster.store().objects[first] = {"theirs", {}};
  some_hours(cluster);
  const DigestStatus status = cluster.status(Cluster::kArchivers);
  ASSERT_EQ(status.stopped_chains.size(), 1U);
  EXPECT_EQ(to_string(status.stopped_chains.begin()->first), "main/111122223333/eu-west-1");
  EXPECT_THAT(status.stopped_chains.begin()->second, HasSubstr("is there already, and no key of ours signed it"));
  EXPECT_GE(status.chain_breaks, 1U) << "found again whenever the manifest is assigned anew";
  EXPECT_FALSE(status.blocked.has_value());
  EXPECT_EQ(cluster.store().objects.at(first).bytes, "theirs");
  EXPECT_EQ(cluster.digests().size(), digests.size() / 2 + 1) << "the other chain goes on";
  EXPECT_THAT(cluster.problems, ::testing::ElementsAre("digest_changed " + first));
}

TEST(DigestWriter, GoesOnFromTheDigestsThatAreThereIfItsStateIsLost) {
  log::set_level(log::Level::kOff);
  Cluster cluster(1, {});
  some_hours(cluster, 300);
  const auto before = cluster.digests();
  ASSERT_GE(before.size(), 4U);
  cluster.kill(Cluster::kArchivers);
  cluster.broker().commit_as_administrator("digest", stream::kManifestTopic, 0, std::nullopt);
  some_hours(cluster, 300);
  const auto after = cluster.digests();
  EXPECT_GT(after.size(), before.size());
  for (const auto& [key, object] : before) EXPECT_EQ(after.at(key).bytes, object.bytes);
  EXPECT_EQ(cluster.status(Cluster::kArchivers).chain_breaks, 0U);
  cluster.expect_that_it_holds();
}

TEST(DigestWriter, TellsOnceWhatItIsTold) {
  log::set_level(log::Level::kOff);
  Cluster cluster(1, {});
  some_hours(cluster, 100);
  EXPECT_EQ(cluster.told().size(), 3U);
  Cluster::tell(cluster.writer(Cluster::kArchivers), "problem-1");
  Cluster::tell(cluster.writer(Cluster::kArchivers), "problem-9");
  Cluster::tell(cluster.writer(Cluster::kArchivers), "problem-9");
  some_hours(cluster, 5);
  EXPECT_EQ(cluster.told().size(), 4U);
  cluster.kill(Cluster::kArchivers);
  for (int turn = 0; turn < 100; ++turn) {
    cluster.start(Cluster::kArchivers + 1);
    if (turn == 0) Cluster::tell(cluster.writer(Cluster::kArchivers + 1), "problem-9");
    cluster.step(Cluster::kArchivers + 1);
    cluster.broker().advance(500ms);
  }
  EXPECT_TRUE(cluster.status(Cluster::kArchivers + 1).is_member);
  EXPECT_THAT(cluster.told(), ::testing::ElementsAre("problem-0", "problem-1", "problem-2", "problem-9"));
}

TEST(DigestWriter, SaysWhichDigestsAreTheNewest) {
  log::set_level(log::Level::kOff);
  Cluster cluster(1, {});
  cluster.start(Cluster::kArchivers);
  EXPECT_FALSE(cluster.writer(Cluster::kArchivers).written_digests().has_value());
  some_hours(cluster);
  const auto written = cluster.writer(Cluster::kArchivers).written_digests();
  ASSERT_TRUE(written.has_value());
  EXPECT_EQ(written->passed, cluster.status(Cluster::kArchivers).passed);
  ASSERT_EQ(written->heads->size(), 2U);
  for (const ChainHead& head : *written->heads) {
    EXPECT_TRUE(cluster.store().objects.contains(head.key));
    EXPECT_EQ(trail::parse_digest_key(head.key)->end, written->passed);
    EXPECT_EQ(trail::parse_digest_key(head.key)->account, head.chain.place.account);
  }
}

TEST(DigestWriter, RefusesAManifestOfSeveralPartitions) {
  log::set_level(log::Level::kOff);
  Cluster cluster(1, {}, 2);
  some_hours(cluster, 100);
  EXPECT_THAT(cluster.status(Cluster::kArchivers).stopped, HasSubstr("the manifest topic has 2 partitions"));
  EXPECT_TRUE(cluster.digests().empty());
}

}  // namespace
}  // namespace trailwarden::archive
