#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "trail/object_store.h"

namespace trailwarden::ingest {

/// Downloads whole objects before they are asked for, several at a time, in the order in which they are wanted. Tries each once.
///
/// Memory: what is downloaded, or about to be, and was not taken yet: at most `most_bytes` by the sizes that were told, or one object if that is larger.
/// Used by one thread, beside those it starts. Without threads, if none are asked for or the system has none to give, it downloads when it is asked.
/// Beside `ObjectReadAhead`, which reads a list that is known from the beginning, by pieces, and tries again by itself.
class ObjectFetcher {
 public:
  struct Options {
    unsigned threads = 8;  // as many connections as the HTTP client keeps
    std::uint64_t most_bytes = std::uint64_t{64} << 20;
    std::function<void()> on_done{};  // called by any thread when an object is there
  };
  using Got = trail::StoreResult<trail::StoredObject>;

  explicit ObjectFetcher(Options options) : options_(std::move(options)) {}
  /// Waits for the downloads that have begun.
  ~ObjectFetcher();
  ObjectFetcher(const ObjectFetcher&) = delete;
  ObjectFetcher& operator=(const ObjectFetcher&) = delete;

  /// `bytes`: as told; 0: nobody said. Gives its number.
  std::uint64_t want(std::shared_ptr<trail::ObjectStore> store, std::string key, std::uint64_t bytes);
  /// What was wanted first of all that was not taken; nullopt: it is not there yet. `number` is its own.
  std::optional<Got> take(std::uint64_t number);

 private:
  struct Job {
    std::uint64_t number = 0;
    std::shared_ptr<trail::ObjectStore> store;
    std::string key;
    std::uint64_t bytes = 0;
  };
  struct Done {
    std::uint64_t bytes = 0;  // of `held_`
    std::optional<Got> got;
  };

  void start_threads();
  void run();
  bool may_begin() const { return !jobs_.empty() && (held_ == 0 || held_ + jobs_.front().bytes <= options_.most_bytes); }

  const Options options_;
  std::vector<std::thread> threads_;
  std::uint64_t last_ = 0;

  std::mutex mutex_;  // for all below
  std::condition_variable changed_;
  bool stop_ = false;
  std::deque<Job> jobs_;              // not begun
  std::map<std::uint64_t, Done> begun_;
  std::uint64_t held_ = 0;            // bytes of what has begun
};

}  // namespace trailwarden::ingest
