#include "trail/worker_threads.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "core/thread.h"

namespace trailwarden::trail {

void for_each_item(unsigned threads, std::size_t items, const std::function<void(unsigned worker, std::size_t item)>& work) {
  std::atomic<std::size_t> next{0};
  const auto run = [&](unsigned worker) {
    for (std::size_t item = next++; item < items; item = next++) work(worker, item);
  };
  std::vector<std::thread> helpers;
  const auto wanted = static_cast<unsigned>(std::min<std::size_t>(threads, items));
  for (unsigned worker = 1; worker < wanted; ++worker) {
    auto helper = start_thread("trail-worker", [&run, worker] { run(worker); });
    if (!helper) break;
    helpers.push_back(std::move(*helper));
  }
  run(0);
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace trailwarden::trail
