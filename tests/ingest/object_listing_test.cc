#include "ingest/object_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "testing/memory_object_store.h"

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
    store_.refuse = [this](MemoryObjectStore::Call call, std::string_view) -> std::optional<trail::StoreError> {
      lists_ += call == MemoryObjectStore::Call::kList ? 1 : 0;
      return std::nullopt;
    };
    std::vector<std::string> keys;
    const auto listed = list_objects(store_, prefix, wanted, [&](const trail::ListedObject& object) { keys.push_back(object.key); });
    EXPECT_TRUE(listed.has_value()) << listed.error().message;
    return keys;
  }

  MemoryObjectStore store_;
  int lists_ = 0;
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
  EXPECT_THAT(list(""), ElementsAre(log_key("1", "eu-west-1", 2, 3), log_key("2", "eu-west-1", 2, 3)));
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
