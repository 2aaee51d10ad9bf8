// The manifest against the log and a store: what is lost, changed, added or counted wrong is told, and nothing else.

#include "archive/manifest_check.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/memory_object_store.h"
#include "testing/sim_broker.h"
#include "testing/sim_log.h"

namespace trailwarden::archive {
namespace {

using namespace std::chrono_literals;
using Kind = ManifestProblem::Kind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kInput = "cloudtrail";
const trail::Place kPlace{"111122223333", "eu-west-1"};

/// An input of some offsets, whose epochs are delivered by hand.
class ManifestCheck : public ::testing::Test {
 protected:
  ManifestCheck() : broker_(1, {}), store_(std::make_shared<testing::MemoryObjectStore>()), log_(broker_, {.inputs = {kInput}}) {
    broker_.create_topic(kInput, 1);
    broker_.create_topic(stream::kManifestTopic, 1);
    trail::TrailConfig trail;
    trail.name = "main";
    trail.home_region = "eu-west-1";
    destinations_.emplace_back(trail, store_);
    for (int i = 0; i < 10; ++i) broker_.put(kInput, 0, R"({"eventName":"ListUsers"})");
  }

  /// Stores an object of [from, to), and says so.
  std::string deliver(std::int64_t from, std::int64_t to) {
    const ManifestObject object = store_object(from, to);
    say(to_json(object));
    say_epoch(from, to, 1);
    return object.key;
  }
  ManifestObject store_object(std::int64_t from, std::int64_t to) {
    const Timestamp delivered = *parse_event_time("2026-03-01T10:00:00Z") + std::chrono::minutes{5 * to};
    const EpochRange range{kInput, 0, from, to};
    ManifestObject object{.epoch = range, .trail = "main", .bucket = store_->bucket(), .place = kPlace, .delivered = delivered};
    object.key = trail::log_key(destinations_.front().trail.names(), trail::ObjectKind::kLog, kPlace, delivered, trail::unique_part(to_string(range)));
    trail::LogBody body;
    body.add(fmt_record(from), delivered);
    trail::MemberDeflater deflater(6);
    const trail::LogObject log = body.finish(deflater);
    object.sha256 = log.sha256;
    store_->objects[object.key] = {log.bytes, {{"epoch", to_string(range)}, {"sha256", log.sha256}}};
    return object;
  }
  static std::string fmt_record(std::int64_t from) { return R"({"eventID":")" + std::to_string(from) + "\"}"; }
  void say(std::string json) { broker_.put(stream::kManifestTopic, 0, std::move(json)); }
  void say_epoch(std::int64_t from, std::int64_t to, std::uint64_t objects) {
    ManifestEpoch epoch{.epoch = {kInput, 0, from, to}, .delivered = *parse_event_time("2026-03-01T10:00:00Z") + std::chrono::minutes{5 * to}, .objects = objects};
    epoch.counts.read = epoch.counts.archived = static_cast<std::uint64_t>(to - from);
    say(to_json(epoch));
  }

  ManifestReport check(ManifestCheckOptions options = {}) {
    auto report = check_manifest(log_, destinations_, options);
    EXPECT_TRUE(report.has_value()) << report.error().message;
    return std::move(*report);
  }
  static std::vector<Kind> kinds(const ManifestReport& report) {
    std::vector<Kind> out;
    for (const ManifestProblem& problem : report.problems) out.push_back(problem.kind);
    return out;
  }

  testing::SimBroker broker_;
  std::shared_ptr<testing::MemoryObjectStore> store_;
  testing::SimLog log_;
  std::vector<Destination> destinations_;
};

TEST(EpochRange, IsReadAsItIsWritten) {
  const EpochRange range{"a/b", 3, 17, 20};
  EXPECT_EQ(parse_epoch_range(to_string(range)), range);
  for (const char* const text : {"", "t", "t/0", "t/0/", "t/0/1", "t/0/1-", "t/x/1-2", "t/0/x-2", "t/0/1-2/0", "/0/1-2x"}) EXPECT_EQ(parse_epoch_range(text), std::nullopt) << text;
}

TEST_F(ManifestCheck, OfWhatWasDeliveredHolds) {
  deliver(0, 4);
  deliver(4, 7);
  const ManifestReport report = check();
  EXPECT_THAT(kinds(report), IsEmpty());
  ASSERT_EQ(report.partitions.size(), 1u);
  EXPECT_EQ(report.partitions[0].from, 0);
  EXPECT_EQ(report.partitions[0].to, 7);
  EXPECT_EQ(report.partitions[0].counts.read, 7u);
  ASSERT_EQ(report.trails.size(), 1u);
  EXPECT_EQ(report.trails[0].valid, 2u);
  EXPECT_THAT(report.trails[0].logs_since, ElementsAre(::testing::Pair(kPlace, *parse_event_time("2026-03-01T10:20:00Z"))));
  EXPECT_EQ(report.delivered_until, *parse_event_time("2026-03-01T10:35:00Z"));
}

TEST_F(ManifestCheck, RecordsThatNoEpochHasAreLost) {
  deliver(0, 4);
  deliver(6, 7);
  EXPECT_THAT(kinds(check()), ElementsAre(Kind::kLost));
}

TEST_F(ManifestCheck, AHoleOfWhichTheLogHasNothingAnyMoreIsNoLoss) {
  deliver(0, 4);
  deliver(6, 7);
  broker_.delete_records(kInput, 0, 5);
  const ManifestReport report = check();
  EXPECT_THAT(kinds(report), IsEmpty());
  EXPECT_EQ(report.partitions[0].unchecked, 1u);
}

TEST_F(ManifestCheck, AnEpochThatOverlapsTheOneBefore) {
  deliver(0, 4);
  deliver(3, 7);
  EXPECT_THAT(kinds(check()), ElementsAre(Kind::kOverlap));
}

TEST_F(ManifestCheck, AnEpochWithoutOneOfItsObjects) {
  deliver(0, 4);
  say_epoch(4, 7, 1);
  EXPECT_THAT(kinds(check()), ElementsAre(Kind::kMiscounted));
}

TEST_F(ManifestCheck, TheOldestEpochMayHaveLostItsObjectsToRetention) {
  deliver(0, 4);
  deliver(4, 7);
  broker_.delete_records(stream::kManifestTopic, 0, 1);
  const ManifestReport report = check();
  EXPECT_THAT(kinds(report), IsEmpty());
  EXPECT_EQ(report.trails[0].older, 1u) << "nothing says of it any more who delivered it";
}

TEST_F(ManifestCheck, AnObjectOfTwoEpochs) {
  const ManifestObject object = store_object(0, 4);
  say(to_json(object));
  say_epoch(0, 4, 1);
  ManifestObject again = object;
  again.epoch = {kInput, 0, 4, 7};
  say(to_json(again));
  say_epoch(4, 7, 1);
  EXPECT_THAT(kinds(check()), ElementsAre(Kind::kTwice));
}

TEST_F(ManifestCheck, AnObjectThatIsGone) {
  store_->objects.erase(deliver(0, 4));
  const ManifestReport report = check();
  EXPECT_THAT(kinds(report), ElementsAre(Kind::kMissing));
  EXPECT_EQ(report.trails[0].invalid, 1u);
}

TEST_F(ManifestCheck, AnObjectWithOtherText) {
  const std::string first = deliver(0, 4), second = deliver(4, 7);
  store_->objects[first].bytes = store_->objects[second].bytes;
  EXPECT_THAT(kinds(check()), ElementsAre(Kind::kChanged));
}

TEST_F(ManifestCheck, AnObjectThatNobodyDelivered) {
  const std::string key = deliver(0, 4);
  std::string other = key;
  other.replace(other.rfind('_') + 1, 16, "AAAAAAAAAAAAAAAA");
  store_->objects[other] = {"theirs", {}};
  EXPECT_THAT(kinds(check()), ElementsAre(Kind::kUnknown));
  store_->objects[other].metadata["epoch"] = "cloudtrail/0/1-2";
  EXPECT_THAT(kinds(check()), ElementsAre(Kind::kUnknown)) << "the epoch of these offsets has other objects";
}

TEST_F(ManifestCheck, WhatIsStoredBeforeItsCommitIsPending) {
  deliver(0, 4);
  store_object(4, 7);
  const ManifestReport report = check();
  EXPECT_THAT(kinds(report), IsEmpty());
  EXPECT_EQ(report.trails[0].pending, 1u);
}

TEST_F(ManifestCheck, WhatSaysThatItIsPendingIsSoOnlyWhereItMayBe) {
  deliver(0, 4);
  const auto forge = [this](const std::string& epoch, int hour) {
    const Timestamp delivered = *parse_event_time("2026-03-01T00:00:00Z") + std::chrono::hours{hour};
    const std::string key = trail::log_key(destinations_.front().trail.names(), trail::ObjectKind::kLog, kPlace, delivered, trail::unique_part(epoch));
    store_->objects[key] = {"forged", {{"epoch", epoch}}};
    const ManifestReport report = check();
    store_->objects.erase(key);
    return report.trails[0].pending == 1 ? std::vector<Kind>{} : kinds(report);
  };
  EXPECT_THAT(forge("cloudtrail/0/4-10", 12), IsEmpty()) << "the next one, as far as anybody can say";
  EXPECT_THAT(forge("cloudtrail/0/4-11", 12), ElementsAre(Kind::kUnknown)) << "of records that are not there yet";
  EXPECT_THAT(forge("cloudtrail/0/1000000-1000001", 12), ElementsAre(Kind::kUnknown));
  EXPECT_THAT(forge("cloudtrail/0/4-10", 10), ElementsAre(Kind::kUnknown)) << "the manifest says that what comes is delivered later";
  EXPECT_THAT(forge("cloudtrail/1/0-1", 12), ElementsAre(Kind::kUnknown)) << "no such partition";
  EXPECT_THAT(forge("no-topic/0/0-1", 12), ElementsAre(Kind::kUnknown));
  deliver(4, 10);
  EXPECT_THAT(forge("cloudtrail/0/4-10", 12), ElementsAre(Kind::kUnknown)) << "that one is committed";
}

TEST_F(ManifestCheck, ARecordThatIsNoneIsToldAndTheOthersAreRead) {
  say("{]");
  deliver(0, 4);
  const ManifestReport report = check();
  EXPECT_THAT(kinds(report), ElementsAre(Kind::kMalformed));
  EXPECT_EQ(report.trails[0].valid, 1u);
}

TEST_F(ManifestCheck, OnlyObjectsOfTheRangeAreRead) {
  const std::string first = deliver(0, 4);
  deliver(4, 7);
  store_->objects.erase(first);
  const ManifestReport report = check({.from = *parse_event_time("2026-03-01T10:30:00Z")});
  EXPECT_THAT(kinds(report), IsEmpty());
  EXPECT_EQ(report.trails[0].valid, 1u);
}

TEST_F(ManifestCheck, ObjectsOfOtherTrailsAreCounted) {
  deliver(0, 4);
  destinations_.front().trail.name = "other";
  const ManifestReport report = check();
  EXPECT_THAT(report.not_configured, ElementsAre(::testing::Pair("main", 1u)));
}

TEST_F(ManifestCheck, AStoreThatCannotBeReadIsAnError) {
  deliver(0, 4);
  store_->refuse = [](testing::MemoryObjectStore::Call, std::string_view) { return std::optional(trail::StoreError{trail::StoreFault::kRefused, "AccessDenied", "denied"}); };
  EXPECT_FALSE(check_manifest(log_, destinations_, {}).has_value());
}

}  // namespace
}  // namespace trailwarden::archive
