#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "pipeline/checkpoint.h"
#include "pipeline/partition.h"
#include "pipeline/snapshot.h"
#include "stream/partitioned_log.h"

namespace trailwarden::pipeline {

/// Brings a partition's state to its committed offset, a little at a time: reads the state topic, loads the newest snapshot that is whole, and judges what came
/// between it and the committed offset once more, with nothing said.
///
/// A snapshot that is damaged, incomplete or of another version is passed over for the older one; without any, the replay begins where the partition was begun,
/// with the ticks that the ledger has. Never an empty state: what cannot be restored is an error. Not thread-safe.
class Restore {
 public:
  /// `assigned` has an offset. All references outlive it.
  Restore(stream::PartitionedLog& log, const PartitionSettings& settings, stream::Assigned assigned);
  ~Restore();

  /// Works for about `budget`; true once the state is there. An error ends it: kNotFound if what it needs is gone from the log.
  Result<bool> step(std::chrono::milliseconds budget, JudgeTools& tools, Counting& muted);

  /// What came of it.
  struct Restored {
    std::unique_ptr<Partition> state;
    Checkpoint checkpoint;                 // `begin` set; of a partition that begins here, only that
    std::vector<stream::Outgoing> forget;  // leftovers in the state topic
    std::map<std::int64_t, std::size_t> chunks;  // of the snapshots that are kept, by offset
    std::vector<std::string> passed_over;  // why snapshots were not used, for people
    std::uint64_t replayed = 0;            // messages
    bool is_new = false;                   // nothing was known of it
  };
  Restored take();

  std::int64_t target() const { return *assigned_.next_offset; }
  /// The offset that it has come to; -1 while the state is being read.
  std::int64_t position() const { return position_; }

 private:
  enum class Phase { kBegin, kReadState, kReadLedger, kReplay, kDone };

  Result<void> begin();
  Result<void> read_state(std::chrono::milliseconds wait);
  Result<void> choose();
  Result<void> read_ledger(std::chrono::milliseconds wait);
  Result<void> start_replay(std::int64_t from);
  Result<void> replay(std::chrono::milliseconds wait, JudgeTools& tools, Counting& muted);
  void apply_ticks(std::int64_t up_to, JudgeTools& tools, Counting& muted);
  std::unique_ptr<Partition> fresh() const;

  stream::PartitionedLog& log_;
  const PartitionSettings& settings_;
  const stream::Assigned assigned_;
  const std::string topic_;
  std::int32_t partitions_ = 0;

  Phase phase_ = Phase::kBegin;
  std::unique_ptr<stream::PartitionReader> reader_;
  SnapshotShelf shelf_;
  std::vector<AppliedTick> ticks_;
  std::size_t next_tick_ = 0;
  std::int64_t position_ = -1;
  stream::MessageBatch batch_;
  PartitionOutput unsaid_;
  Restored restored_;
};

}  // namespace trailwarden::pipeline
