#include "trail/worker_threads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

namespace trailwarden::trail {
namespace {

TEST(ForEachItem, CallsOnceForEach) {
  for (const unsigned threads : {0U, 1U, 2U, 7U}) {
    for (const std::size_t items : {0U, 1U, 3U, 1000U}) {
      std::vector<std::atomic<int>> calls(items);
      for_each_item(threads, items, [&](unsigned worker, std::size_t item) {
        EXPECT_LT(worker, std::max(threads, 1U));
        ++calls[item];
      });
      for (const auto& count : calls) EXPECT_EQ(count, 1);
    }
  }
}

}  // namespace
}  // namespace trailwarden::trail
