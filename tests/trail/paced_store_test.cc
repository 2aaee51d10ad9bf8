#include "trail/paced_store.h"

#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "testing/memory_object_store.h"

namespace trailwarden::trail {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST(PacedStore, TakesSoManyRequestsASecond) {
  PacedStore store(std::make_shared<testing::MemoryObjectStore>(), 100);
  const auto began = Clock::now();
  EXPECT_EQ(store.put({.key = "a", .bytes = "text"}), true);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(store.get("a")->bytes, "text");
    EXPECT_TRUE(store.head("a").has_value());
    EXPECT_EQ(store.list("", "")->size(), 1U);
    EXPECT_EQ(store.get_range("a", 1, 2), "ex");
  }
  EXPECT_GE(Clock::now() - began, 800ms) << "81 requests, the first one at once";
}

TEST(PacedStore, AFolderIsOneRequestWhateverItHolds) {
  const auto inner = std::make_shared<testing::MemoryObjectStore>();
  for (int i = 0; i < 50; ++i) inner->objects["a/" + std::to_string(100 + i) + "/x"] = {};
  int requests = 0;
  inner->refuse = [&requests](testing::MemoryObjectStore::Call, std::string_view) {
    ++requests;
    return std::optional<StoreError>();
  };
  PacedStore store(inner, 1'000);
  EXPECT_EQ(store.list_folder("a/")->folders.size(), 50U);
  EXPECT_EQ(requests, 1);
}

TEST(PacedStore, DoesNotMakeUpForTurnsThatWereNotUsed) {
  PacedStore store(std::make_shared<testing::MemoryObjectStore>(), 50);
  (void)store.head("a");
  std::this_thread::sleep_for(200ms);
  const auto began = Clock::now();
  for (int i = 0; i < 6; ++i) (void)store.head("a");
  EXPECT_GE(Clock::now() - began, 100ms);
}

TEST(PacedStore, RefusesWhoWaitsWhenItIsStopped) {
  PacedStore store(std::make_shared<testing::MemoryObjectStore>(), 1);
  std::vector<std::jthread> others;  // each a second later than the one before
  for (int i = 0; i < 20; ++i) others.emplace_back([&] { (void)store.head("a"); });
  std::this_thread::sleep_for(50ms);
  others.emplace_back([&] {
    std::this_thread::sleep_for(50ms);
    store.stop();
  });
  const auto began = Clock::now();
  const auto answer = store.list("", "");
  EXPECT_LT(Clock::now() - began, 10s);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().fault, StoreFault::kRefused) << "nobody tries again";
  EXPECT_EQ(answer.error().code, "Stopped");
  EXPECT_FALSE(store.get("a").has_value());
}

}  // namespace
}  // namespace trailwarden::trail
