#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
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
/// with the ticks that the ledger has. Never an empty state: what cannot be restored is an error.
///
/// A committed offset proves that its snapshot was committed; but the end of that transaction may be visible in the state topic later. So a snapshot that is not
/// there is waited for. Not thread-safe.
class Restore {
 public:
  using Now = std::function<std::chrono::milliseconds()>;

  /// `assigned` has an offset. `gaps_allowed`: the input's offsets may have holes. All references outlive it.
  Restore(stream::PartitionedLog& log, const PartitionSettings& settings, stream::Assigned assigned, bool gaps_allowed, Now now);
  ~Restore();

  /// A little work, at most about `wait` of waiting; true once the state is there. An error ends it: kNotFound if what it needs is gone from the log, kIo if the log
  /// does not answer, and another one may be begun.
  Result<bool> step(std::chrono::milliseconds wait, JudgeTools& tools, Counting& muted);
  static constexpr std::chrono::milliseconds kPatience{30'000};  // with a snapshot that is not visible: longer than a transaction may be open

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
  const stream::Assigned& assigned() const { return assigned_; }
  bool is_replaying() const { return phase_ == Phase::kReplay; }
  /// For a snapshot to become visible; there is nothing to do at the moment.
  bool is_waiting() const { return phase_ == Phase::kReadState && reader_ == nullptr; }
  /// The offset that it has come to; -1 while the state is being read.
  std::int64_t position() const { return position_; }

 private:
  enum class Phase { kBegin, kReadState, kReadLedger, kReplay, kDone };

  Result<void> begin();
  Result<void> read_state(std::chrono::milliseconds wait);
  Result<void> choose();
  bool is_waited_for(const std::vector<std::int64_t>& snapshots);
  Result<void> open_state();
  bool load(std::int64_t offset);
  Result<void> open_ledger();
  Result<void> read_ledger(std::chrono::milliseconds wait);
  Result<void> start_replay(std::int64_t from);
  bool is_accepted(const Error& error) const;
  Result<void> replay(std::chrono::milliseconds wait, JudgeTools& tools, Counting& muted);
  void apply_ticks(std::int64_t up_to, JudgeTools& tools, Counting& muted);
  std::unique_ptr<Partition> fresh() const;

  stream::PartitionedLog& log_;
  const PartitionSettings& settings_;
  const stream::Assigned assigned_;
  const std::string topic_;
  const bool gaps_allowed_;
  const Now now_;
  std::int32_t partitions_ = 0;
  std::chrono::milliseconds began_{}, read_again_{};

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
