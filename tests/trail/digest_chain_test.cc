#include "trail/digest_chain.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/hash.h"
#include "testing/memory_object_store.h"

namespace trailwarden::trail {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const TrailNames kTrail{.trail = "main", .home_region = "eu-central-1"};
const Place kPlace{"111122223333", "eu-west-1"};

Timestamp at(const char* text) { return parse_event_time(text).value(); }
const Timestamp kNine = at("2026-03-01T09:00:00Z");

DeliveredLog a_log(Timestamp delivered, const std::string& name = "a") {
  const std::string key = log_key(kTrail, ObjectKind::kLog, kPlace, delivered, unique_part(name));
  return {{"trails", key, sha256_hex(key), delivered - minutes{5}, delivered - minutes{1}}, delivered};
}

/// The digests that are due, as they would be written: `START-END:LOGS` with `<` if it names the one before, `b` if it is a backfill digest.
std::string due(DigestChain& chain, Timestamp passed) {
  std::string text;
  while (const auto digest = chain.next(passed)) {
    const std::string id = sha256_hex(to_json(*digest));
    text += (text.empty() ? "" : " ") + format_time(digest->start).substr(11, 5) + "-" + format_time(digest->end).substr(11, 5) + ":" +
            std::to_string(digest->logs.size()) + (digest->previous ? "<" : "") + (is_backfill(digest->key) ? "b" : "");
    chain.written(*digest, id, "signature of " + id);
  }
  return text;
}

DigestChain a_chain() { return {kTrail, "trails", kPlace}; }

TEST(DigestChain, StartsInTheHourOfTheFirstLogAndGoesOnWithoutAny) {
  DigestChain chain = a_chain();
  EXPECT_EQ(due(chain, kNine), "");
  chain.delivered(a_log(kNine + minutes{20}));
  EXPECT_EQ(due(chain, kNine + minutes{59}), "");
  EXPECT_EQ(due(chain, kNine + hours{1}), "09:00-10:00:1");
  EXPECT_EQ(due(chain, kNine + hours{1}), "");
  EXPECT_EQ(due(chain, kNine + hours{3}), "10:00-11:00:0< 11:00-12:00:0<");
}

TEST(DigestChain, StartsWithoutALogIfAskedTo) {
  DigestChain chain = a_chain();
  chain.start(kNine + minutes{1});
  EXPECT_EQ(due(chain, kNine + hours{2}), "09:00-10:00:0 10:00-11:00:0<");
}

TEST(DigestChain, ListsALogInTheHourOfItsDelivery) {
  DigestChain chain = a_chain();
  chain.delivered(a_log(kNine, "first"));
  chain.delivered(a_log(kNine + minutes{59}, "last"));
  chain.delivered(a_log(kNine + hours{1}, "next"));
  chain.delivered(a_log(kNine + minutes{59}, "last"));
  EXPECT_EQ(due(chain, kNine + hours{1}), "09:00-10:00:2");
  EXPECT_EQ(chain.waiting(), 1U);
  EXPECT_EQ(due(chain, kNine + hours{2}), "10:00-11:00:1<");
}

TEST(DigestChain, ListsWhatBecomesKnownLateInABackfillDigest) {
  DigestChain chain = a_chain();
  chain.start(kNine);
  EXPECT_EQ(due(chain, kNine + hours{1}), "09:00-10:00:0");
  chain.delivered(a_log(kNine + minutes{5}, "late"));
  chain.delivered(a_log(kNine + minutes{65}, "in time"));
  EXPECT_EQ(due(chain, kNine + hours{2}), "10:00-11:00:1< 10:00-11:00:1b");
  chain.delivered(a_log(kNine + minutes{6}, "later"));
  EXPECT_EQ(due(chain, kNine + hours{2}), "");  // one an hour
  EXPECT_EQ(due(chain, kNine + hours{3}), "11:00-12:00:0< 11:00-12:00:1<b");
  EXPECT_EQ(chain.waiting(), 0U);
}

TEST(DigestChain, EndsWithALastDigestAndStartsAnew) {
  DigestChain chain = a_chain();
  chain.start(kNine);
  chain.delivered(a_log(kNine + minutes{5}));
  chain.stop(kNine + minutes{70});
  EXPECT_EQ(due(chain, kNine + hours{1}), "09:00-10:00:1");
  EXPECT_EQ(due(chain, kNine + hours{9}), "10:00-10:10:0<");
  chain.start(kNine + minutes{75});
  EXPECT_EQ(due(chain, kNine + hours{3}), "10:10-11:00:0 11:00-12:00:0<");
  chain.stop(kNine);
  EXPECT_EQ(due(chain, kNine + hours{9}), "");
  chain.delivered(a_log(kNine + hours{8}));
  EXPECT_EQ(due(chain, kNine + hours{9}), "17:00-18:00:1");
}

TEST(DigestChain, DoesNotStartInADistantPast) {
  DigestChain chain = a_chain();
  chain.delivered(a_log(kNine - hours{24 * 365}, "ancient"));
  chain.delivered(a_log(kNine - hours{2}, "new"));
  std::size_t digests = 0, backfilled = 0;
  while (const auto digest = chain.next(kNine)) {
    ++digests;
    if (is_backfill(digest->key)) backfilled += digest->logs.size();
    chain.written(*digest, std::string(64, 'a'), "00");
  }
  EXPECT_EQ(digests, 24U * 90 + 1);
  EXPECT_EQ(backfilled, 1U);
}

TEST(DigestChain, TakesAStoredDigestInThePlaceOfItsOwn) {
  DigestChain chain = a_chain();
  chain.delivered(a_log(kNine + minutes{5}, "a"));
  chain.delivered(a_log(kNine + minutes{6}, "b"));
  Digest stored = chain.next(kNine + hours{1}).value();
  ASSERT_EQ(stored.logs.size(), 2U);
  stored.logs.pop_back();
  chain.written(stored, std::string(64, 'a'), "00");
  EXPECT_EQ(due(chain, kNine + hours{1}), "09:00-10:00:1b");
}

TEST(DigestChain, NamesTheDigestBeforeIt) {
  DigestChain chain = a_chain();
  chain.start(kNine);
  const Digest first = chain.next(kNine + hours{1}).value();
  EXPECT_EQ(first.key, digest_object_key(kTrail, kPlace, kNine + hours{1}, false));
  EXPECT_EQ(first.account, kPlace.account);
  chain.written(first, std::string(64, 'a'), "00ff");
  EXPECT_EQ(chain.next(kNine + hours{2})->previous, (DigestLink{"trails", first.key, std::string(64, 'a'), "00ff"}));
}

TEST(DigestChain, SplitsWhatIsTooMuchForOneDigest) {
  DigestChain chain = a_chain();
  for (std::size_t i = 0; i < DigestChain::kMostLogs + 2; ++i) chain.delivered({{"trails", std::to_string(i), std::string(64, 'a'), {}, {}}, kNine});
  EXPECT_EQ(due(chain, kNine + hours{1}), "09:00-10:00:100000 09:00-10:00:2b");
}

TEST(DigestChain, IsRefusedIfItsStateIsDamaged) {
  DigestChain chain = a_chain();
  chain.delivered(a_log(kNine));
  due(chain, kNine + hours{1});
  chain.delivered(a_log(kNine, "late"));
  chain.delivered(a_log(kNine + hours{1}, "next"));
  ByteWriter out;
  chain.save(out);
  for (std::size_t size = 0; size < out.size(); ++size) {
    DigestChain again = a_chain();
    ByteReader in(std::string_view(out.bytes()).substr(0, size));
    EXPECT_FALSE(again.load(in)) << size;
    EXPECT_EQ(again, a_chain());
  }
  DigestChain again = a_chain();
  ByteReader in(out.bytes());
  ASSERT_TRUE(again.load(in));
  EXPECT_TRUE(in.finish());
  EXPECT_EQ(again, chain);
}

// The digest writer in small, killed between any two of its steps.

struct Entry {
  Place place;
  std::optional<DeliveredLog> log;  // else: the hour that ends at `hour` has passed
  Timestamp hour{};
};

struct Crash {};

const DigestKey& a_key() {
  static const DigestKey key = DigestKey::generate(kNine - hours{24}, kNine + hours{2400}).value();
  return key;
}

class Writer {
 public:
  /// `crash()`: whether the process dies at this step.
  Writer(const std::vector<Entry>& manifest, ObjectStore& store, std::function<bool()> crash) : manifest_(manifest), store_(store), crash_(std::move(crash)) {}

  /// Until the end of the manifest; true if it was killed before.
  bool run() {
    try {
      load();
      while (position_ < manifest_.size()) take(manifest_[position_++]);
      return false;
    } catch (const Crash&) {
      return true;
    }
  }

 private:
  void step() const {
    if (crash_()) throw Crash{};
  }
  void take(const Entry& entry) {
    if (entry.log) chains_.try_emplace(entry.place, kTrail, store_.bucket(), entry.place).first->second.delivered(*entry.log);
    else pass(entry.hour);
    step();
  }
  void pass(Timestamp hour) {
    for (auto& [place, chain] : chains_)
      while (const auto digest = chain.next(hour)) write(chain, seal(*digest, a_key(), deflater_));
    save();
  }
  void write(DigestChain& chain, const SealedDigest& sealed) {
    step();
    const auto written = store_.put({.key = sealed.digest.key, .bytes = sealed.bytes, .metadata = sealed.metadata});
    ASSERT_TRUE(written);
    ASSERT_EQ(store_.get(sealed.digest.key)->bytes, sealed.bytes) << "made again, and other bytes";
    step();
    chain.written(sealed.digest, sealed.sha256, sealed.signature);
  }
  void save() {
    ByteWriter out;
    out.number(std::uint64_t{position_});
    out.number(std::uint64_t{chains_.size()});
    for (const auto& [place, chain] : chains_) {
      out.text(place.account);
      out.text(place.region);
      chain.save(out);
    }
    step();
    saved_ = out.bytes();
  }
  void load() {
    chains_.clear();
    position_ = 0;
    if (saved_.empty()) return;
    ByteReader in(saved_);
    position_ = in.number<std::uint64_t>();
    for (auto count = in.number<std::uint64_t>(); count > 0; --count) {
      Place place{in.text(), {}};
      place.region = in.text();
      DigestChain& chain = chains_.try_emplace(place, kTrail, store_.bucket(), place).first->second;
      ASSERT_TRUE(chain.load(in));
    }
    ASSERT_TRUE(in.finish());
  }

  const std::vector<Entry>& manifest_;
  ObjectStore& store_;
  std::function<bool()> crash_;
  MemberDeflater deflater_{1};
  std::string saved_;
  std::size_t position_ = 0;
  std::map<Place, DigestChain> chains_;
};

/// Logs of three places over `count` hours, some of them known hours late, each hour told when most of its logs are.
std::vector<Entry> a_manifest(int count) {
  std::vector<std::vector<Entry>> known(static_cast<std::size_t>(count));  // by the hour in which they become known
  const std::vector<Place> places{{"1", "eu-west-1"}, {"1", "us-east-1"}, {"2", "eu-west-1"}};
  const int logs = *rc::gen::inRange(0, 40);
  for (int i = 0; i < logs; ++i) {
    const int delivered = *rc::gen::inRange(0, 60 * count);
    const int late = *rc::gen::weightedElement<int>({{6, 0}, {1, 1}, {1, 5}});
    const Place place = *rc::gen::elementOf(places);
    const Timestamp when = kNine + minutes{delivered};
    const std::string key = log_key(kTrail, ObjectKind::kLog, place, when, unique_part(std::to_string(i)));
    known[static_cast<std::size_t>(std::min(delivered / 60 + late, count - 1))].push_back({place, DeliveredLog{{"trails", key, sha256_hex(key), when, when}, when}});
  }
  std::vector<Entry> manifest;
  for (std::size_t hour = 0; hour < known.size(); ++hour) {
    manifest.insert(manifest.end(), known[hour].begin(), known[hour].end());
    manifest.push_back({.hour = kNine + hours{hour + 1}});
  }
  return manifest;
}

/// What a strict reader has to find in the store.
void check_chains(MemberInflater& inflater, const testing::MemoryObjectStore& store, const std::vector<Entry>& manifest) {
  std::multiset<std::string> listed;
  std::map<std::pair<std::string, bool>, SealedDigest> last;  // by folder of the Region
  std::string room;
  for (const auto& [key, object] : store.objects) {
    const auto opened = open_digest(inflater, object.bytes, room);
    RC_ASSERT(opened.has_value());
    RC_ASSERT(opened->digest.key == key);
    const std::string& signature = object.metadata.at(kSignatureName);
    RC_ASSERT(verify(a_key().public_key(), string_to_sign(opened->digest, opened->sha256), signature) == Signature::kRight);
    for (const DigestedLog& log : opened->digest.logs) listed.insert(log.key);

    const bool backfill = is_backfill(key);
    const auto [before, first] = last.try_emplace({key.substr(0, key.find("/2026/")), backfill});
    RC_ASSERT(opened->digest.previous.has_value() == !first);
    if (!first) {
      const SealedDigest& previous = before->second;
      RC_ASSERT(*opened->digest.previous == (DigestLink{store.bucket(), previous.digest.key, previous.sha256, previous.signature}));
      if (!backfill) RC_ASSERT(opened->digest.start == previous.digest.end);
    }
    before->second = {.digest = opened->digest, .sha256 = opened->sha256, .signature = signature};
  }
  std::multiset<std::string> delivered;
  for (const Entry& entry : manifest)
    if (entry.log) delivered.insert(entry.log->log.key);
  RC_ASSERT(listed == delivered);
}

RC_GTEST_PROP(DigestWriter, ListsEachLogOnceInUnbrokenChainsWhereverItIsKilled, ()) {
  const auto manifest = a_manifest(*rc::gen::inRange(1, 12));
  testing::MemoryObjectStore calm, killed;
  Writer once(manifest, calm, [] { return false; });
  RC_ASSERT(!once.run());

  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  std::uint64_t steps = 0;
  int kills = *rc::gen::inRange(0, 12);
  Writer writer(manifest, killed, [&] { return kills > 0 && splitmix64(seed + steps++) % 10 == 0 && kills-- > 0; });
  while (writer.run()) {
  }

  RC_ASSERT(killed.objects.size() == calm.objects.size());
  for (const auto& [key, object] : calm.objects) RC_ASSERT(killed.objects.at(key).bytes == object.bytes);
  MemberInflater inflater;
  check_chains(inflater, killed, manifest);
}

}  // namespace
}  // namespace trailwarden::trail
