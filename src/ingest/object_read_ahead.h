#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/result.h"
#include "ingest/byte_source.h"
#include "trail/object_store.h"

namespace trailwarden::ingest {

/// An object, and how much of it is downloaded at a time.
struct ObjectToRead {
  trail::ObjectStore* store = nullptr;  // outlives all that reads of it
  std::string key;
  std::uint64_t bytes = 0;  // of the object, as listed
  std::uint64_t piece_bytes = 0;

  std::uint64_t first_bytes() const { return bytes < piece_bytes ? bytes : piece_bytes; }
};

/// Its first piece, or all of it if it is no more. Asked for up to five times while the store says that this may help; else kIo, or kNotFound, as the store tells it.
Result<std::string> download_first(const ObjectToRead& object);

/// The bytes of an object whose first piece is there; the others are downloaded when they are read. Memory: a piece, none while it rests.
std::unique_ptr<ByteSource> read_object(ObjectToRead object, std::string first);

/// Downloads the first pieces of objects, some at a time, before they are asked for.
///
/// Memory: what was downloaded, or is about to be, and was not taken yet: at most `most_bytes`, or one piece if that is larger.
/// What is taken, and its errors, depend on the store alone and not on what was quicker. To be used by one thread, beside those it starts; without any, if the
/// system has none to give, everything is downloaded when it is asked for.
class ObjectReadAhead {
 public:
  using Describe = std::function<ObjectToRead(std::uint32_t number)>;

  explicit ObjectReadAhead(unsigned threads = kThreads, std::uint64_t most_bytes = kMostBytes) : threads_wanted_(threads), most_bytes_(most_bytes) {}
  /// Waits for the downloads that have begun.
  ~ObjectReadAhead();
  ObjectReadAhead(const ObjectReadAhead&) = delete;
  ObjectReadAhead& operator=(const ObjectReadAhead&) = delete;

  /// What will be taken from now on, in this order, instead of what was planned before. `describe` is called on other threads, one at a time, until all have begun or
  /// another plan is made.
  void plan(std::vector<std::uint32_t> order, Describe describe);

  /// The first piece of the next object of the plan, or of one that is not in it.
  Result<std::string> take(std::uint32_t number, const ObjectToRead& object);

 private:
  static constexpr unsigned kThreads = 8;  // as many connections as the HTTP client keeps
  static constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20;

  struct Download {
    std::uint64_t bytes = 0;  // of `held_`
    std::optional<Result<std::string>> got;
  };

  void start_threads();
  void run();
  bool may_begin() const { return stop_ || (next_ && (held_ == 0 || held_ + next_->first_bytes() <= most_bytes_)); }
  void find_next();

  const unsigned threads_wanted_;
  const std::uint64_t most_bytes_;
  std::vector<std::thread> threads_;

  std::mutex mutex_;  // for all below
  std::condition_variable changed_;
  bool stop_ = false;
  std::vector<std::uint32_t> order_;
  Describe describe_;
  std::size_t at_ = 0;                // in order_, of the next to begin
  std::optional<ObjectToRead> next_;  // it
  std::map<std::uint32_t, std::shared_ptr<Download>> downloads_;  // begun and not taken
  std::uint64_t held_ = 0;            // bytes that downloads_ has or will have
};

}  // namespace trailwarden::ingest
