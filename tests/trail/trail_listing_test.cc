#include "trail/trail_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "testing/memory_object_store.h"

namespace trailwarden::trail {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> folders(ObjectStore& store, const std::string& folder) { return folders_in(store, folder).value(); }

TEST(ForEachObject, GoesOnBehindAPage) {
  testing::MemoryObjectStore store;
  for (int i = 0; i < 2500; ++i) store.objects["a/" + std::to_string(10000 + i)] = {};
  store.objects["b"] = {};
  std::vector<std::string> seen;
  ASSERT_TRUE(for_each_object(store, "a/", "a/10003", [&](const ListedObject& object) { return seen.push_back(object.key), true; }));
  EXPECT_EQ(seen.size(), 2496U);
  EXPECT_EQ(seen.front(), "a/10004");
  EXPECT_EQ(seen.back(), "a/12499");
  seen.clear();
  ASSERT_TRUE(for_each_object(store, "", "", [&](const ListedObject& object) { return seen.push_back(object.key), seen.size() < 1500; }));
  EXPECT_EQ(seen.size(), 1500U);
}

TEST(FoldersIn, SkipsWhatTheyHold) {
  testing::MemoryObjectStore store;
  for (int i = 0; i < 2500; ++i) store.objects["top/a/" + std::to_string(i)] = {};
  for (const char* key : {"top/a-b/x", "top/a0/x", "top/b/c/d", "top/file", "top/zz/1", "top/zz/2", "topper/x"}) store.objects[key] = {};
  int lists = 0;
  store.refuse = [&](auto, std::string_view) { return ++lists, std::optional<StoreError>(); };
  EXPECT_THAT(folders(store, "top/"), ElementsAre("a-b", "a", "a0", "b", "zz"));
  EXPECT_LE(lists, 3);
  EXPECT_THAT(folders(store, "none/"), IsEmpty());
}

TEST(PlacesOf, AreThoseOfLogsAndDigests) {
  testing::MemoryObjectStore store;
  for (const char* key : {"AWSLogs/1/CloudTrail/eu-west-1/x", "AWSLogs/1/CloudTrail-Digest/eu-west-1/x", "AWSLogs/1/CloudTrail-Digest/us-east-1/x", "AWSLogs/1/Config/eu-west-9/x",
                          "AWSLogs/2/CloudTrail/eu-west-2/x", "AWSLogs/o-1/3/CloudTrail/eu-west-3/x", "AWSLogs/.._/CloudTrail/eu-west-4/x"})
    store.objects[key] = {};
  EXPECT_THAT(places_of(store, {}, "", "").value(), ElementsAre(Place{"1", "eu-west-1"}, Place{"1", "us-east-1"}, Place{"2", "eu-west-2"}));
  EXPECT_THAT(places_of(store, {.organization = "o-1"}, "", "").value(), ElementsAre(Place{"3", "eu-west-3"}));
  EXPECT_THAT(places_of(store, {}, "1", "us-east-1").value(), ElementsAre(Place{"1", "us-east-1"}));
}

TEST(DigestsOf, AreSortedIntoTheirChains) {
  testing::MemoryObjectStore store;
  const Place place{"1", "eu-west-1"};
  const Timestamp noon = parse_event_time("2026-03-01T12:00:00Z").value();
  const TrailNames one{.trail = "one", .home_region = "eu-west-1"}, two{.trail = "two", .home_region = "us-east-1"};
  for (int hour = 0; hour < 48; ++hour) {
    store.objects[digest_object_key(one, place, noon + std::chrono::hours{hour}, false)] = {};
    store.objects[digest_object_key(two, place, noon + std::chrono::hours{hour}, hour % 2 == 1)] = {};
  }
  const auto found = digests_of(store, {}, place, noon + std::chrono::hours{10}, noon + std::chrono::hours{13}).value();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.at({"one", "eu-west-1"}).hourly.size(), 4U);
  EXPECT_EQ(found.at({"two", "us-east-1"}).hourly.size(), 2U);
  EXPECT_EQ(found.at({"two", "us-east-1"}).backfill.size(), 2U);
  EXPECT_EQ(found.at({"one", "eu-west-1"}).hourly.front().end, noon + std::chrono::hours{10});
  EXPECT_EQ(digests_of(store, {.trail = "two"}, place, kBeginningOfTime, kEndOfTime).value().size(), 1U);
}

}  // namespace
}  // namespace trailwarden::trail
