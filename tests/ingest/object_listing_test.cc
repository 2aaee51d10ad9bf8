#include "ingest/object_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "testing/memory_object_store.h"
#include "trail/object_name.h"

namespace trailwarden::ingest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MemoryObjectStore;

Timestamp time(std::string_view text) { return parse_event_time(text).value(); }

std::string log_key(std::string_view account, std::string_view region, int day, int hour, int number = 0) {
  return fmt::format("AWSLogs/{0}/CloudTrail/{1}/2024/03/{2:02}/{0}_CloudTrail_{1}_202403{2:02}T{3:02}05Z_{4:03}.json.gz", account, region, day, hour, number);
}

std::string digest_key(std::string_view trail, int day, int hour) {
  return fmt::format("AWSLogs/1/CloudTrail-Digest/eu-west-1/2024/03/{1:02}/1_CloudTrail-Digest_eu-west-1_{0}_eu-west-1_202403{1:02}T{2:02}0000Z.json.gz", trail, day, hour);
}

class ListObjects : public ::testing::Test {
 protected:
  void put(const std::string& key) { ASSERT_TRUE(store_.put({.key = key, .bytes = "x"}).has_value()); }

  std::vector<std::string> list(const std::string& prefix, const BucketReading& wanted = {}) {
    lists_ = 0;
    listed_.clear();
    store_.refuse = [this](MemoryObjectStore::Call call, std::string_view key) -> std::optional<trail::StoreError> {
      lists_ += call == MemoryObjectStore::Call::kList ? 1 : 0;
      listed_.emplace_back(key);
      return std::nullopt;
    };
    std::vector<std::string> keys;
    const auto listed = list_objects(store_, prefix, wanted, [&](const trail::ListedObject& object) { keys.push_back(object.key); });
    EXPECT_TRUE(listed.has_value()) << listed.error().message;
    std::sort(keys.begin(), keys.end());
    EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end()) << "told twice";
    return keys;
  }

  /// What lies there with a name that says that it was delivered within the hour before or the day behind.
  std::vector<std::string> delivered_for(std::string_view prefix, const BucketReading& wanted) const {
    std::vector<std::string> keys;
    for (const auto& [key, object] : store_.objects) {
      const auto name = trail::parse_object_name(key);
      if (key.starts_with(prefix) && name && name->kind == trail::ObjectKind::kLog && name->stamp >= *wanted.since - std::chrono::hours{1} && name->stamp <= *wanted.until + std::chrono::hours{24})
        keys.push_back(key);
    }
    return keys;
  }

  MemoryObjectStore store_;
  int lists_ = 0;
  std::vector<std::string> listed_;  // prefixes
};

TEST(BucketPath, IsTakenApart) {
  const auto parse = [](std::string_view text) { return std::pair(parse_bucket_path(text)->bucket, parse_bucket_path(text)->prefix); };
  EXPECT_EQ(parse("s3://trails"), std::pair(std::string("trails"), std::string()));
  EXPECT_EQ(parse("s3://trails/"), std::pair(std::string("trails"), std::string()));
  EXPECT_EQ(parse("s3://trails/AWSLogs/1"), std::pair(std::string("trails"), std::string("AWSLogs/1")));
  EXPECT_EQ(parse_bucket_path("./s3://trails"), std::nullopt);
  EXPECT_EQ(parse_bucket_path("trails"), std::nullopt);
}

TEST_F(ListObjects, TakesEveryKeyThatBeginsSoAndNoFolderMarkersOrHiddenOnes) {
  for (const char* key : {"a/1.json", "a/", "a/.hidden", "a/.git/x.json", "ab.json", "b.json"}) put(key);
  EXPECT_THAT(list("a"), ElementsAre("a/1.json", "ab.json"));
  EXPECT_THAT(list("a/"), ElementsAre("a/1.json"));
  EXPECT_THAT(list("a/.git/"), ElementsAre("a/.git/x.json")) << "named, as a hidden folder may be";
  EXPECT_THAT(list("a/.hidden"), ElementsAre("a/.hidden"));
}

TEST_F(ListObjects, GoesOnBehindAThousand) {
  for (int i = 0; i < 2500; ++i) put(fmt::format("logs/{:05}.json", i));
  EXPECT_EQ(list("logs/").size(), 2500U);
  EXPECT_EQ(lists_, 3);
}

TEST_F(ListObjects, LeapsOverDigestsWithoutListingThem) {
  for (int day = 1; day <= 31; ++day)
    for (int hour = 0; hour < 24; ++hour)
      for (const char* trail : {"main", "second", "third"}) put(digest_key(trail, day, hour));  // 2,232
  put(log_key("1", "eu-west-1", 2, 3));
  put(log_key("2", "eu-west-1", 2, 3));
  put("AWSLogs/1/CloudTrail-Digest0");
  EXPECT_THAT(list(""), ElementsAre("AWSLogs/1/CloudTrail-Digest0", log_key("1", "eu-west-1", 2, 3), log_key("2", "eu-west-1", 2, 3)));
  EXPECT_EQ(lists_, 2);
}

TEST_F(ListObjects, ListsTheDaysThatMayHoldTheTimesOnly) {
  for (const char* region : {"eu-west-1", "us-east-1"})
    for (int day = 1; day <= 31; ++day)
      for (int i = 0; i < 100; ++i) put(log_key("1", region, day, 12, i));
  const auto keys = list("AWSLogs/", {.since = time("2024-03-10T00:00:00Z"), .until = time("2024-03-11T00:00:00Z")});
  EXPECT_LE(lists_, 7);
  for (const std::string& key : keys) EXPECT_TRUE(key.find("/2024/03/10/") != std::string::npos || key.find("/2024/03/11/") != std::string::npos) << key;
  EXPECT_EQ(keys.size(), 400U);
}

TEST_F(ListObjects, ListsAccountsRegionsAndDaysOfABucketWithOtherThingsInIt) {
  std::vector<std::string> all;
  const auto have = [&](const std::string& key) { put(key), all.push_back(key); };
  for (const char* account : {"1", "22", "o-org/3"})
    for (const char* region : {"eu-west-1", "us-east-1", "us-west-2"})
      for (int day = 1; day <= 31; ++day)
        // Some Regions are of less than a page, some of many, and one has a day of many.
        for (int i = 0; i < (region[0] == 'e' ? 3 : day == 20 && region[3] == 'e' ? 2500 : 60); ++i) {
          const std::string name = log_key("9", region, day, i % 24, i);
          have("some/where/AWSLogs/" + std::string(account) + name.substr(std::string("AWSLogs/9").size()));
        }
  for (int i = 0; i < 1500; ++i) have(fmt::format("some/where/AWSLogs/1/Config/us-east-1/2024/3/2/{:05}.json.gz", i));
  for (int i = 0; i < 1200; ++i) have(fmt::format("some/apples/{:05}.json", i)), have(fmt::format("some/where/else/{:05}.json", i)), have(fmt::format("zoo/{:05}.json", i));
  have("some/where/AWSLogs/1/CloudTrail/us-east-1/2024/03/readme.json");
  have("some/where/AWSLogs/1/readme.json");
  have("some/where/AWSLogs0");
  have("some/where/AWSLogs/team/CloudTrail/us-east-1/2024/03/05/1_CloudTrail_us-east-1_20240305T0005Z_x.json.gz");
  for (int i = 0; i < 1100; ++i) put(digest_key(fmt::format("t{}", i), 2, 3)), put("some/where/" + digest_key(fmt::format("t{}", i), 2, 3));
  std::sort(all.begin(), all.end());

  for (const char* prefix : {"", "some/", "some/where/AWSLogs", "some/where/AWSLogs/", "some/where/AWSLogs/1", "some/where/AWSLogs/1/CloudTrail/us-", "some/where/AWSLogs/22/CloudTrail/us-east-1/",
                             "some/where/AWSLogs/22/CloudTrail/us-east-1/2024/03/2", "some/where/AWSLogs/22/CloudTrail/us-east-1/2024/03/20/9_Cloud", "z"}) {
    std::vector<std::string> expected;
    for (const std::string& key : all)
      if (key.starts_with(prefix)) expected.push_back(key);
    EXPECT_EQ(list(prefix), expected) << prefix;
  }
  const BucketReading an_hour{.since = time("2024-03-20T00:00:00Z"), .until = time("2024-03-20T01:00:00Z")};
  const auto of_an_hour = list("some/where/AWSLogs/22/", an_hour);
  EXPECT_GT(of_an_hour.size(), 2500U);
  EXPECT_EQ(of_an_hour, delivered_for("some/where/AWSLogs/22/", an_hour));
}

TEST_F(ListObjects, AsksNothingOfDaysThatAreNotWanted) {
  for (const char* account : {"1", "2"})
    for (const char* region : {"eu-west-1", "us-east-1"})
      for (int day = 1; day <= 31; ++day)
        for (int i = 0; i < 1100; ++i) put(log_key(account, region, day, i % 24, i));
  const BucketReading wanted{.since = time("2024-03-10T02:00:00Z"), .until = time("2024-03-10T03:00:00Z")};
  const auto keys = list("AWSLogs/", wanted);
  EXPECT_EQ(keys, delivered_for("AWSLogs/", wanted));
  for (const std::string& prefix : listed_) {
    const std::size_t day = prefix.find("/2024/03/");
    if (day != std::string::npos && prefix.size() > day + 10) { EXPECT_TRUE(prefix.ends_with("/10/") || prefix.ends_with("/11/")) << prefix; }
  }
  // The first page; the folder, its accounts and kinds; of each Region a page and its years, a page of these and their months, a page of these and their days; of two days two pages each.
  EXPECT_LE(lists_, 1 + 1 + 2 + 2 + 4 * (2 + 2 + 2 + 4));
  const int pages = 4 * 31 * 1100 / 1000;
  EXPECT_LT(lists_, pages / 2) << "what listing everything takes";
}

TEST_F(ListObjects, ListsPartsAtTheSameTime) {
  for (const char* region : {"eu-west-1", "us-east-1"})
    for (int i = 0; i < 1100; ++i) put(log_key("1", region, 1 + i % 28, 12, i));
  class Meeting final : public trail::ObjectStore {
   public:
    explicit Meeting(MemoryObjectStore& store) : store_(store) {}
    trail::StoreResult<bool> put(const trail::NewObject&) override { return false; }
    trail::StoreResult<trail::StoredObject> get(std::string_view key) override { return store_.get(key); }
    trail::StoreResult<trail::ObjectMetadata> head(std::string_view key) override { return store_.head(key); }
    trail::StoreResult<trail::ListedFolder> list_folder(std::string_view prefix) override { return store_.list_folder(prefix); }
    trail::StoreResult<std::vector<trail::ListedObject>> list(std::string_view prefix, std::string_view after) override {
      if (prefix.ends_with("-1/")) {
        std::unique_lock lock(mutex_);
        ++here_;
        met_.notify_all();
        both = met_.wait_for(lock, std::chrono::seconds{20}, [this] { return here_ >= 2; }) && both;
      }
      return store_.list(prefix, after);
    }
    std::string name() const override { return "meeting"; }
    std::string bucket() const override { return "meeting"; }
    bool both = true;

   private:
    MemoryObjectStore& store_;
    std::mutex mutex_;
    std::condition_variable met_;
    int here_ = 0;
  } meeting(store_);
  std::size_t found = 0;
  ASSERT_TRUE(list_objects(meeting, "", {}, [&](const trail::ListedObject&) { ++found; }).has_value());
  EXPECT_EQ(found, 2200U);
  EXPECT_TRUE(meeting.both) << "each of two Regions is asked for while the other one is";
}

TEST_F(ListObjects, SaysWhatTheStoreSaysOfAnyPart) {
  for (const char* region : {"eu-west-1", "us-east-1"})
    for (int i = 0; i < 1100; ++i) put(log_key("1", region, 1 + i % 28, 12, i));
  store_.refuse = [](MemoryObjectStore::Call, std::string_view key) -> std::optional<trail::StoreError> {
    if (!key.ends_with("/us-east-1/")) return std::nullopt;
    return trail::StoreError{trail::StoreFault::kRefused, "AccessDenied", "list s3://trails: 403 AccessDenied"};
  };
  const auto refused = list_objects(store_, "", {}, [](const trail::ListedObject&) {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, "list s3://trails: 403 AccessDenied");
}

TEST_F(ListObjects, KeepsWhatMayHaveBeenDeliveredEarlyOrLate) {
  for (int hour = 0; hour < 24; ++hour) put(log_key("1", "eu-west-1", 9, hour));
  for (int hour = 0; hour < 24; ++hour) put(log_key("1", "eu-west-1", 12, hour));
  put("AWSLogs/renamed.json.gz");
  const auto keys = list("AWSLogs/", {.since = time("2024-03-10T00:00:00Z"), .until = time("2024-03-11T02:00:00Z")});
  EXPECT_THAT(keys, ElementsAre(log_key("1", "eu-west-1", 9, 23), log_key("1", "eu-west-1", 12, 0), log_key("1", "eu-west-1", 12, 1), "AWSLogs/renamed.json.gz"));
}

TEST_F(ListObjects, SaysWhatTheStoreSays) {
  for (const trail::StoreFault fault : {trail::StoreFault::kRefused, trail::StoreFault::kNotFound}) {
    store_.refuse = [fault](MemoryObjectStore::Call, std::string_view) { return trail::StoreError{fault, "NoSuchBucket", "list s3://trails: 404 NoSuchBucket"}; };
    const auto refused = list_objects(store_, "", {}, [](const trail::ListedObject&) {});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::kIo);
    EXPECT_EQ(refused.error().message, "list s3://trails: 404 NoSuchBucket");
  }
}

TEST_F(ListObjects, SaysIfThereIsNothing) {
  put("AWSLogs/x.json");
  const auto none = list_objects(store_, "AWSLog/", {}, [](const trail::ListedObject&) {});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(none.error().message, HasSubstr("AWSLog/: there is no object"));
}

TEST_F(ListObjects, AsksAgainWhileTheStoreIsBusy) {
  put("x.json");
  int asked = 0;
  store_.refuse = [&](MemoryObjectStore::Call, std::string_view) -> std::optional<trail::StoreError> {
    if (++asked > 2) return std::nullopt;
    return trail::StoreError{trail::StoreFault::kNotNow, "SlowDown", "slow down"};
  };
  int found = 0;
  EXPECT_TRUE(list_objects(store_, "", {}, [&](const trail::ListedObject&) { ++found; }).has_value());
  EXPECT_EQ(found, 1);
}

}  // namespace
}  // namespace trailwarden::ingest
