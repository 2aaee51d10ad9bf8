#include "archive/trail_watch.h"

#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/log.h"
#include "testing/memory_object_store.h"
#include "testing/temp_dir.h"
#include "testing/written_trail.h"
#include "trail/trail_keys.h"

namespace trailwarden::archive {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using testing::MemoryObjectStore;

const Timestamp kFrom = parse_event_time("2026-02-15T00:00:00Z").value();

const trail::DigestKey& a_key() {
  static const trail::DigestKey key = trail::DigestKey::generate(kFrom, kFrom + 24h * 60).value();
  return key;
}
const trail::DigestKey& another_key() {
  static const trail::DigestKey key = trail::DigestKey::generate(kFrom, kFrom + 24h * 60).value();
  return key;
}

/// A written trail of some days, and who watches it by a clock that the test moves.
class TrailWatchTest : public ::testing::Test {
 protected:
  TrailWatchTest() {
    log::set_level(log::Level::kOff);
    const std::vector published{a_key().public_key()};
    EXPECT_TRUE(trail::publish_keys(keys_.path(), published));
    config.name = "main";
    config.home_region = "eu-central-1";
    config.digest.key_directory = keys_.path();
    config.digest.verify.requests_per_second = 1'000'000;
    store->refuse = [this](MemoryObjectStore::Call call, std::string_view key) -> std::optional<trail::StoreError> {
      if (is_away) return trail::StoreError{trail::StoreFault::kRefused, "AccessDenied", "denied"};
      if (call == MemoryObjectStore::Call::kGet) ++(key.find("CloudTrail-Digest") == std::string_view::npos ? logs_read : digests_read);
      return std::nullopt;
    };
  }

  /// Of a trail that is written up to its last hour.
  void watch() {
    written_until(day.end(), 0);
    WatchOptions options{.destinations = {{config, store}}, .sharing = sharing, .written = [this] { return written; }, .now = [this] { return now; }};
    watch_ = std::make_unique<TrailWatch>(std::move(options));
  }
  void written_until(Timestamp passed, std::uint64_t caught_up) {
    auto heads = std::make_shared<std::vector<ChainHead>>();
    for (const auto* keys : {&day.digests, &day.backfill})
      if (!keys->empty()) heads->push_back({{"main", day.place}, keys->back()});
    written = WrittenDigests{passed, caught_up, std::move(heads)};
  }
  void write_day() { day.write(*store, a_key()); }

  /// What is new after the next check: `log_removed KEY`.
  std::vector<std::string> check(std::chrono::seconds later = 1h) {
    now += later;
    logs_read = digests_read = 0;
    EXPECT_TRUE(watch_->step());
    std::vector<std::string> out;
    for (const TrailProblem& problem : watch_->take_new()) {
      out.push_back(std::string(to_string(problem.kind)) + " " + problem.key);
      last = problem;
    }
    return out;
  }
  WatchedTrail status() const { return watch_->status().at(0); }
  std::uint64_t problems() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t one : status().problems) sum += one;
    return sum;
  }
  template <class Change>
  void replace_digest(const std::string& key, const trail::DigestKey& signer, Change change) {
    trail::MemberInflater inflater;
    trail::MemberDeflater deflater(6);
    std::string room;
    trail::Digest digest = trail::open_digest(inflater, store->objects.at(key).bytes, room)->digest;
    change(digest);
    const trail::SealedDigest sealed = trail::seal(digest, signer, deflater);
    store->objects[key] = {sealed.bytes, sealed.metadata};
  }

  testing::TempDir keys_;
  trail::TrailConfig config;
  std::shared_ptr<MemoryObjectStore> store = std::make_shared<MemoryObjectStore>();
  testing::WrittenTrail day;
  std::set<std::string> sharing;
  std::optional<WrittenDigests> written;
  Timestamp now = kFrom + 24h * 15;
  bool is_away = false;
  std::uint64_t logs_read = 0, digests_read = 0;
  std::unique_ptr<TrailWatch> watch_;
  TrailProblem last;
};

TEST_F(TrailWatchTest, FindsNothingInATrailThatIsIntactAndReadsEachLogOnce) {
  write_day();
  watch();
  EXPECT_THAT(check(), IsEmpty());
  EXPECT_EQ(logs_read, 42U);
  EXPECT_EQ(digests_read, 26U);
  EXPECT_THAT(check(), IsEmpty());
  EXPECT_EQ(logs_read, 0U) << "the listing says that they are as they were";
  EXPECT_EQ(digests_read, 26U);
  const WatchedTrail status = this->status();
  EXPECT_EQ(status.done, 2U);
  EXPECT_EQ(status.failed, 0U);
  EXPECT_EQ(status.succeeded, now);
  EXPECT_EQ(status.digests, 52U);
  EXPECT_EQ(status.logs_read, 42U);
  EXPECT_EQ(status.logs_listed, 42U);
  EXPECT_GT(status.bytes, 10'000U);
  EXPECT_EQ(problems(), 0U);
}

TEST_F(TrailWatchTest, ChecksWhenItIsDue) {
  write_day();
  watch();
  check();
  now += 59min;
  EXPECT_FALSE(watch_->step());
  now += 1min;
  EXPECT_TRUE(watch_->step());
  now -= 24h;
  EXPECT_TRUE(watch_->step()) << "a clock that was set back by a day does not put it off by one";
  EXPECT_FALSE(watch_->step());
}

TEST_F(TrailWatchTest, TellsOnceOfALogThatWasRemoved) {
  write_day();
  watch();
  check();
  store->objects.erase(day.logs[30]);
  EXPECT_THAT(check(), ElementsAre("log_removed " + day.logs[30]));
  EXPECT_EQ(last.trail, "main");
  EXPECT_EQ(last.place, day.place);
  EXPECT_EQ(last.bucket, "trails");
  EXPECT_THAT(last.detail, HasSubstr("INVALID: not found"));
  EXPECT_EQ(logs_read, 1U);
  EXPECT_THAT(check(), IsEmpty()) << "it was told";
  EXPECT_EQ(problems(), 1U) << "and is still so";
  EXPECT_EQ(status().found[0], 1U);
}

TEST_F(TrailWatchTest, TellsOfALogThatWasChangedBehindItsBack) {
  write_day();
  watch();
  check();
  const auto before = store->objects[day.logs[3]];
  store->objects[day.logs[3]].bytes = store->objects[day.logs[4]].bytes;
  EXPECT_THAT(check(), ElementsAre("log_changed " + day.logs[3]));
  EXPECT_EQ(logs_read, 1U) << "the others have the ETags that they had";
  store->objects[day.logs[3]] = before;
  EXPECT_THAT(check(), IsEmpty());
  EXPECT_EQ(problems(), 0U) << "it is mended";
  EXPECT_EQ(status().found[1], 1U);
}

TEST_F(TrailWatchTest, ChangesOfTheSameLengthAreChanges) {
  write_day();
  watch();
  check();
  store->objects[day.logs[7]].bytes[12] ^= 1;
  EXPECT_THAT(check(), ElementsAre("log_changed " + day.logs[7]));
}

/// A store that says nothing of versions, as some S3 servers may.
class Unversioned final : public MemoryObjectStore {
 public:
  trail::StoreResult<std::vector<trail::ListedObject>> list(std::string_view prefix, std::string_view after) override {
    auto page = MemoryObjectStore::list(prefix, after);
    if (page)
      for (trail::ListedObject& object : *page) object.version.clear();
    return page;
  }
};

TEST_F(TrailWatchTest, ReadsAllEachTimeWhereNothingSaysWhatHasChanged) {
  const auto refuse = store->refuse;
  store = std::make_shared<Unversioned>();
  store->refuse = refuse;
  write_day();
  watch();
  check();
  check();
  EXPECT_EQ(logs_read, 42U);
}

TEST_F(TrailWatchTest, TellsOfADigestThatWasRemovedAndOfTheNewestToo) {
  write_day();
  watch();
  check();
  store->objects.erase(day.digests[9]);
  EXPECT_THAT(check(), ElementsAre("digest_removed " + day.digests[9]));
  store->objects.erase(day.digests.back());
  EXPECT_THAT(check(), ElementsAre("digest_removed " + day.digests.back()));
  EXPECT_THAT(last.detail, HasSubstr("newest of its chain"));
  store->objects.erase(day.backfill.back());
  EXPECT_THAT(check(), ElementsAre("digest_removed " + day.backfill.back()));
}

TEST_F(TrailWatchTest, TellsWhenAWholeAccountIsGone) {
  write_day();
  watch();
  check();
  store->objects.clear();
  EXPECT_THAT(check(), UnorderedElementsAre("digest_removed " + day.digests.back(), "digest_removed " + day.backfill.back())) << "what the others were, only these two said";
}

TEST_F(TrailWatchTest, TellsOfDigestsThatWereChanged) {
  write_day();
  watch();
  check();
  replace_digest(day.digests[5], another_key(), [](trail::Digest&) {});
  EXPECT_THAT(check(), ElementsAre("digest_changed " + day.digests[5]));
  EXPECT_THAT(last.detail, HasSubstr("public key not found"));
  // One that is signed as it should be, and lists a log less.
  replace_digest(day.digests[8], a_key(), [](trail::Digest& digest) { digest.logs.pop_back(); });
  EXPECT_THAT(check(), ElementsAre("digest_changed " + day.digests[8]));
  EXPECT_THAT(last.detail, HasSubstr("not the digest whose hash the next digest names"));
  store->objects[day.digests[12]].bytes = "x";
  EXPECT_THAT(check(), ElementsAre("digest_changed " + day.digests[12]));
  store->objects[day.digests[15]].metadata["signature"] = "00";
  EXPECT_THAT(check(), ElementsAre("digest_changed " + day.digests[15]));
}

TEST_F(TrailWatchTest, TellsOfALogThatNoDigestListsOnceABackfillDigestWouldHave) {
  write_day();
  watch();
  check();
  std::string added = day.logs[20];
  added.replace(added.size() - 15, 8, "AAAAAAAA");
  store->objects[added] = store->objects[day.logs[20]];
  EXPECT_THAT(check(), IsEmpty()) << "an archiver may just have stored it, late";
  written_until(day.end() + 5h, 1);
  EXPECT_THAT(check(), IsEmpty()) << "the manifest may say something of it, behind what was read of it";
  written_until(day.end() + 5h, 2);
  EXPECT_THAT(check(), IsEmpty()) << "that may be listed by the next backfill digest";
  written_until(day.end() + 7h, 3);
  EXPECT_THAT(check(), ElementsAre("log_added " + added));
  store->objects.erase(added);
  EXPECT_THAT(check(), IsEmpty());
  EXPECT_EQ(problems(), 0U);
}

TEST_F(TrailWatchTest, LeavesTheLogsOfOthersInItsPlaceAlone) {
  write_day();
  sharing = {"main"};
  watch();
  std::string others = day.logs[20];
  others.replace(others.size() - 15, 8, "AAAAAAAA");
  store->objects[others] = store->objects[day.logs[20]];
  check();
  written_until(day.end(), 2);
  check();
  written_until(day.end() + 2h, 3);
  EXPECT_THAT(check(), IsEmpty());
  store->objects.erase(day.logs[20]);
  EXPECT_THAT(check(), ElementsAre("log_removed " + day.logs[20]));
}

TEST_F(TrailWatchTest, AStoreThatIsAwayIsNoProblemOfTheTrailButIsNotChecked) {
  write_day();
  watch();
  check();
  const auto checked = status().succeeded;
  store->objects.erase(day.logs[30]);
  is_away = true;
  EXPECT_THAT(check(), IsEmpty());
  EXPECT_EQ(problems(), 0U);
  EXPECT_EQ(status().failed, 1U);
  EXPECT_EQ(status().succeeded, checked);
  EXPECT_THAT(status().why_failed, HasSubstr("denied"));
  is_away = false;
  EXPECT_THAT(check(), ElementsAre("log_removed " + day.logs[30]));
  EXPECT_EQ(status().why_failed, "");
  is_away = true;
  check();
  EXPECT_EQ(problems(), 1U) << "a check that saw nothing mends nothing";
}

TEST_F(TrailWatchTest, KeysThatCannotBeReadAreNoProblemOfTheTrailEither) {
  write_day();
  watch();
  check();
  EXPECT_TRUE(std::filesystem::remove(trail::published_keys_file(keys_.path())));
  std::ofstream(trail::published_keys_file(keys_.path())) << "no JSON";
  EXPECT_THAT(check(), IsEmpty());
  EXPECT_EQ(status().failed, 1U);
}

TEST_F(TrailWatchTest, WalksWhatIsOlderDayByDay) {
  day.hours = 24 * 5;
  config.digest.verify.back = 24h * 5;
  write_day();
  watch();
  for (int i = 0; i < 4; ++i) check();
  EXPECT_EQ(problems(), 0U);
  // Of each day but the last one a log.
  std::vector<std::string> removed;
  for (const std::string& key : day.logs)
    if (key.find("T1205Z") != std::string::npos && removed.size() < 4) removed.push_back(key);
  for (const std::string& key : removed) store->objects.erase(key);
  std::vector<std::string> found;
  for (int i = 0; i < 4; ++i)
    for (const std::string& line : check()) found.push_back(line);
  std::ranges::sort(found);
  ASSERT_THAT(removed, SizeIs(4));
  EXPECT_THAT(found, ElementsAre("log_removed " + removed[0], "log_removed " + removed[1], "log_removed " + removed[2], "log_removed " + removed[3]));
  EXPECT_EQ(problems(), 4U);
  // Time goes on, and what is older than `back` is not counted any more.
  written_until(day.end() + 24h, 0);
  check();
  EXPECT_EQ(problems(), 3U);
}

TEST_F(TrailWatchTest, LooksBackADayIfNobodySaysOtherwise) {
  day.hours = 24 * 3;
  write_day();
  watch();
  store->objects.erase(day.logs[10]);
  store->objects.erase(day.digests[15]);
  EXPECT_THAT(check(), IsEmpty());
  EXPECT_LT(digests_read, 30U);
}

TEST_F(TrailWatchTest, TellsAHundredAtATime) {
  day.hours = 24;
  write_day();
  watch();
  check();
  for (int i = 0; i < 250; ++i) {
    std::string added = day.logs[20];
    added.replace(added.size() - 15, 8, "AAAAA" + std::to_string(100 + i));
    store->objects[added] = {"x", {}};
  }
  check();
  written_until(day.end(), 2);
  check();
  written_until(day.end() + 2h, 3);
  EXPECT_THAT(check(), SizeIs(100));
  EXPECT_EQ(problems(), 250U);
  EXPECT_THAT(check(), SizeIs(100));
  EXPECT_THAT(check(), SizeIs(50));
  EXPECT_THAT(check(), IsEmpty());
}

TEST_F(TrailWatchTest, DoesNothingWhereAnotherWritesTheDigests) {
  write_day();
  watch();
  store->objects.erase(day.logs[30]);
  check();
  EXPECT_EQ(problems(), 1U);
  const auto ours = std::exchange(written, std::nullopt);
  now += 1h;
  EXPECT_FALSE(watch_->step());
  EXPECT_THAT(watch_->status(), IsEmpty());
  written = ours;
  EXPECT_THAT(check(1s), ElementsAre("log_removed " + day.logs[30])) << "whoever tells it knows whether it was told";
}

TEST_F(TrailWatchTest, EndsWhenItIsToldTo) {
  config.digest.verify.requests_per_second = 1;  // half a minute of it
  write_day();
  watch();
  const auto began = std::chrono::steady_clock::now();
  std::jthread other([this] {
    std::this_thread::sleep_for(100ms);
    watch_->stop();
  });
  watch_->step();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 15s);
  EXPECT_THAT(watch_->take_new(), IsEmpty());
  EXPECT_EQ(status().done + status().failed, 0U);
  EXPECT_FALSE(watch_->step());
}

}  // namespace
}  // namespace trailwarden::archive
