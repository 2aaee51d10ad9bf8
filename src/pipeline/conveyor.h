#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "pipeline/batch.h"

namespace trailwarden::pipeline {

/// The stations that a batch passes, as the conveyor's threads call them.
class Stations {
 public:
  virtual ~Stations() = default;

  /// Fills the batch from the log. Called by one thread at a time, in order. At the end of the log (or when told to stop) it
  /// sets `batch.last`, and is not called again.
  virtual void read(Batch& batch) = 0;
  /// Decodes it. Called by any number of threads at once, in any order; `thread` says which.
  virtual void decode(Batch& batch, std::size_t thread) = 0;
  /// What must happen in log order before judging: watermark, record numbers. One thread at a time, in order; short.
  virtual void seal(Batch& batch) = 0;
  /// Judges the batch's records of the shards that `thread` owns. Each thread sees every batch, in order.
  virtual void judge(Batch& batch, std::size_t thread) = 0;
  /// Writes what came of it. One thread at a time, in order, after every thread has judged it.
  virtual void commit(Batch& batch) = 0;
};

/// Moves batches through the stations with a fixed number of equal threads, each of which takes the most advanced work there is: judging
/// its own shards, then decoding, then reading. With one thread a batch goes from station to station while it is still in the cache.
///
/// Bounded: `4 * threads` batches exist; a thread that finds nothing to do waits. What is computed does not depend on the
/// number of threads: reading, sealing and committing happen in order, judging in order for each shard.
///
/// Why not a queue between stages with a thread each: stages cost 1 : 4 : 1, so a thread a stage leaves one core idle.
class Conveyor {
 public:
  Conveyor(Stations& stations, std::size_t threads);

  /// Runs until the batch marked `last` is committed. The calling thread is one of the threads.
  void run();

 private:
  enum class State : std::uint8_t { kFree, kReading, kRead, kDecoding, kDecoded, kSealed, kCommitting };

  struct Place {
    explicit Place(std::size_t owners) : batch(owners) {}
    Batch batch;
    State state = State::kFree;
    std::size_t judged_by = 0;
  };

  void work(std::size_t thread);
  /// One piece of work, if there is one for this thread.
  bool step(std::size_t thread, std::unique_lock<std::mutex>& lock);
  bool judge_next(std::size_t thread, std::unique_lock<std::mutex>& lock);
  bool decode_next(std::size_t thread, std::unique_lock<std::mutex>& lock);
  bool read_next(std::unique_lock<std::mutex>& lock);
  void seal_ready();
  void commit_ready(std::unique_lock<std::mutex>& lock);
  Place& place_of(std::uint64_t sequence) { return *places_[sequence % places_.size()]; }

  Stations& stations_;
  const std::size_t threads_;
  std::vector<std::unique_ptr<Place>> places_;  // by sequence modulo their number

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_read_ = 0, next_decode_ = 0, next_seal_ = 0, next_commit_ = 0;
  std::vector<std::uint64_t> next_judge_;  // by thread
  bool reading_ = false, committing_ = false, end_read_ = false, done_ = false;
};

}  // namespace trailwarden::pipeline
