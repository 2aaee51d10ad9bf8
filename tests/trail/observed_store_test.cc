#include "trail/observed_store.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/memory_object_store.h"

namespace trailwarden::trail {
namespace {

using ::testing::ElementsAre;

TEST(ObservedStore, TellsOfEachRequestWhatCameOfIt) {
  const auto inner = std::make_shared<testing::MemoryObjectStore>();
  std::vector<std::string> told;
  ObservedStore store(inner, [&told](std::string_view op, std::string_view result, std::chrono::nanoseconds took) {
    EXPECT_GE(took.count(), 0);
    told.push_back(std::string(op) + " " + std::string(result));
  });
  EXPECT_EQ(store.put({.key = "a/b", .bytes = "text"}), true);
  EXPECT_EQ(store.put({.key = "a/b", .bytes = "other"}), false);
  EXPECT_EQ(store.get("a/b")->bytes, "text");
  EXPECT_EQ(store.get_range("a/b", 1, 2), "ex");
  EXPECT_FALSE(store.head("c").has_value());
  EXPECT_EQ(store.list("", "")->size(), 1U);
  EXPECT_EQ(store.list_folder("a/")->objects.size(), 1U);
  inner->refuse = [](testing::MemoryObjectStore::Call, std::string_view) { return std::optional(StoreError{StoreFault::kRefused, "AccessDenied", "no"}); };
  EXPECT_FALSE(store.get("a/b").has_value());
  EXPECT_THAT(told, ElementsAre("put done", "put done", "get done", "get done", "head not_found", "list done", "list done", "get refused"));
}

}  // namespace
}  // namespace trailwarden::trail
