#pragma once

#include "pipeline/worker.h"

namespace trailwarden::pipeline {

/// One partition in a worker's hands. Internal to the worker.
struct Worker::Part {
  Part(stream::PartitionId part_id, std::string topic_name, std::string_view group)
      : id(part_id), topic(std::move(topic_name)), owner(owner_of(group, topic)) {}

  bool is_running() const { return status == PartitionStatus::State::kRunning; }

  const stream::PartitionId id;
  const std::string topic;
  const std::string owner;  // `owner_of` the group and the topic
  PartitionStatus::State status = PartitionStatus::State::kRestoring;
  std::string stop_reason, stop_detail;

  std::unique_ptr<Restore> restore;
  std::chrono::milliseconds restore_began{}, retry_at{};

  std::unique_ptr<Partition> state;
  std::int64_t next = -1;       // the state is that before the message at this offset
  std::int64_t committed = -1;  // what is visible goes so far
  Checkpoint checkpoint;        // as committed
  bool must_commit = false;     // its offset was never committed, or another configuration goes on from here

  // Since the last commit.
  PartitionOutput output;
  std::vector<AppliedTick> ticks;
  std::vector<std::int64_t> skipped;  // by an operator
  std::optional<AppendTime> oldest_append;
  std::uint64_t bytes = 0;  // of messages

  // The commit under way.
  bool in_ledger = false;  // it has more to commit than chunks of a snapshot
  Checkpoint next_checkpoint;
  std::vector<std::string> alert_ids;
  std::optional<SnapshotMark> new_snapshot;

  std::unique_ptr<SnapshotWriter> snapshot;     // being written
  bool brought = false;                         // it holds cells from elsewhere: nothing is judged before it is committed whole
  bool must_start = false;                      // it is; messages may come
  std::map<std::int64_t, std::size_t> chunks;   // of the valid snapshots, by offset
  std::vector<stream::Outgoing> forget;         // tombstones that are due
  std::uint64_t snapshot_bytes = 0;

  bool caught_up = false;  // nothing came since its end was seen
  std::optional<AppendTime> pending_tick;
  std::optional<AppendTime> newest_append;
  std::chrono::milliseconds last_ledger{}, last_snapshot{};
  std::optional<std::chrono::milliseconds> snapshot_done;
};

}  // namespace trailwarden::pipeline
