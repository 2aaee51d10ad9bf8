#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "pipeline/checkpoint.h"
#include "pipeline/partition.h"
#include "pipeline/restore.h"
#include "pipeline/snapshot.h"
#include "stream/partitioned_log.h"

namespace trailwarden::pipeline {

struct WorkerOptions {
  PartitionSettings partitions;
  std::string config;  // hash of what detection is configured with: the checkpoint says which state came of which
  std::chrono::milliseconds commit_interval{1'000};
  std::chrono::milliseconds alert_gap{50};  // an alert is committed at once, unless the commit before was less than this ago
  std::size_t commit_messages = 500'000;    // between commits, while catching up
  std::chrono::milliseconds snapshot_interval{60'000};  // of a partition
  std::chrono::milliseconds ledger_interval{60'000};    // an idle partition gets a ledger record so often
  std::chrono::milliseconds tick_interval{0};           // ticks are written so often by the owner of the first partition; 0: never
  std::vector<bool> gaps_allowed;                       // by input topic: its offsets may have holes (compacted, or written in transactions)
  std::shared_ptr<const SavedCells> bring;  // cells that partitions take in when they begin, as far as they do not have them
  /// Milliseconds of a clock that only paces commits and snapshots; never enters a judgement.
  std::function<std::chrono::milliseconds()> now;
};

/// What may be changed while a service runs: all that judges.
struct Detection {
  std::vector<detectors::ConfiguredDetector> detectors;  // rules among them
  detectors::Suppressions suppressions;
  detectors::InsightsConfig insights;
  detectors::SilenceConfig silence;
  std::string config;  // `WorkerOptions::config` from then on
};

/// One partition, for `/state`, `/readyz` and metrics.
struct PartitionStatus {
  enum class State : std::uint8_t { kRestoring, kRunning, kStopped } state = State::kRestoring;
  std::string topic, reason, detail;  // reason: why it stopped, snake_case
  std::int32_t partition = 0;
  std::int64_t next = -1, committed = -1;  // offsets
  std::optional<stream::Extent> extent;
  Timestamp watermark = kBeginningOfTime;
  std::int64_t snapshot = -1;  // offset of the newest valid one
  std::uint64_t snapshot_bytes = 0;
  std::optional<std::chrono::milliseconds> since_commit, since_snapshot;  // how long ago, by this worker
  std::optional<AppendTime> newest_append;  // of the last message judged
  std::size_t cells = 0;
  bool caught_up = false;
};
std::string_view to_string(PartitionStatus::State state);

/// What a worker did and has, as of its last look at the clock.
struct WorkerStatus {
  bool is_member = false;  // the group has spoken
  std::vector<PartitionStatus> partitions;
  Totals totals;  // committed since it began; without what replays counted
};

/// What a worker is at, that the log does not wait for.
enum class Stage : std::uint8_t { kJudge, kFreeze, kChange };
inline constexpr std::size_t kStages = 3;
std::string_view to_string(Stage stage);

/// What the surroundings want to hear of a worker; called on its thread.
class WorkerObserver {
 public:
  virtual ~WorkerObserver() = default;

  /// What one commit made visible.
  struct Committed {
    std::chrono::milliseconds took{};
    std::size_t alerts = 0;
    std::vector<Timestamp> decided_at;                // of the alerts
    std::vector<std::optional<AppendTime>> oldest;    // append time of the oldest message of each partition's range
  };
  virtual void committed(const Committed&) {}
  virtual void staged(Stage, std::chrono::nanoseconds /*took*/) {}
  virtual void rolled_back() {}
  virtual void rebalanced(std::string_view /*type*/) {}
  virtual void restored(const std::string& /*topic*/, std::int32_t /*partition*/, std::chrono::milliseconds /*took*/, std::uint64_t /*replayed*/) {}
  virtual void snapshot(bool /*done*/) {}
  virtual void ticked(const std::string& /*topic*/) {}
  virtual void stopped(const PartitionStatus&) {}
  virtual void offset_skipped(const std::string& /*topic*/, std::int64_t /*missing*/) {}   // gaps that are allowed
  virtual void offset_repeated(const std::string& /*topic*/) {}
  virtual void ledger_failed() {}  // a ledger record does not add up
  virtual void counted(const std::string& /*topic*/, const RangeCounts&, std::uint64_t /*bytes*/) {}  // with each commit
};

/// One member of the group: takes messages, judges them, and commits alerts, ledger, state and offsets together. The loop of an exactly-once
/// consumer, transformer and producer:
///
///   assigned   restore the state at the committed offset, then start the partition there
///   messages   check that no offset is missing or repeated; judge; keep what was said for the commit
///   commit     alerts by (decision time, id), dead letters, one ledger record a partition, offsets with their checkpoints: one transaction
///   revoked    commit while it is still ours, then keep the state in case the partition comes back
///   lost, rolled back    drop the state, begin from what is committed
///
/// A partition that cannot go on without losing something stops with a reason (also one whose messages are larger than the log takes); the others go on. Single-threaded, except `status`, `heartbeat`, `change`.
class Worker final : private stream::Member {
 public:
  Worker(stream::PartitionedLog& log, WorkerOptions options, WorkerObserver& observer);
  ~Worker() override;

  /// One turn: waits for input at most `wait` if there is nothing else to do. An error ends the worker.
  Result<void> step(std::chrono::milliseconds wait);

  /// Commits, saves the state of every partition, and leaves the group.
  Result<void> finish(std::chrono::milliseconds budget);

  /// Turns until `stop`, then `finish`. `after_turn` is called after each, if it is there.
  Result<void> run(const std::atomic<bool>& stop, std::chrono::milliseconds finish_budget, const std::function<void()>& after_turn = {});

  /// Judges by `next` from the next commit on; of several that came before it by the last one. What was judged until then is committed first, so that each range of the ledger was
  /// judged by one configuration; detectors go on from what those of their names knew, and restores begin again. From any thread.
  void change(std::shared_ptr<const Detection> next);

  WorkerStatus status() const;
  /// `options.now` at the last turn.
  std::chrono::milliseconds heartbeat() const { return std::chrono::milliseconds{heartbeat_.load(std::memory_order_relaxed)}; }

  /// The saved state of a running partition as of now, for tests: hash of its bytes and its offset.
  std::optional<SnapshotMark> state_of(stream::PartitionId partition) const;

 private:
  struct Part;
  using Parts = std::map<stream::PartitionId, std::unique_ptr<Part>>;

  void assigned(std::vector<stream::Assigned> partitions) override;
  void revoked(std::span<const stream::PartitionId> partitions) override;
  void lost(std::span<const stream::PartitionId> partitions) override;

  void begin(stream::Assigned assigned);
  void restore(Part& part, stream::Assigned assigned);
  void restore_some();
  void restore_a_little(Part& part, std::chrono::milliseconds wait);
  void go(Part& part, Restore::Restored restored);
  bool bring_cells(Part& part);
  void stop(Part& part, std::string reason, std::string detail);

  void take(const stream::Message& message);
  bool is_next(Part& part, const stream::Message& message);
  void reach_end(Part& part, std::int64_t end);
  void apply_tick(Part& part);
  void write_ticks();

  bool commit_is_due() const;
  std::chrono::milliseconds until_due(std::chrono::milliseconds wait) const;
  Result<void> commit();
  Result<void> commit_together(std::span<Part* const> parts);
  void refused(std::span<Part* const> parts, const Error& error);
  bool has_something(const Part& part) const;
  void append_alerts(std::span<Part* const> parts, WorkerObserver::Committed& said);
  void append_state(Part& part);
  stream::Progress append_ledger(Part& part);
  void settle(Part& part);
  void begin_snapshot();
  void drop_snapshot(Part& part);
  bool freeze(Part& part);
  void count_waiting();
  void await_group();
  bool gaps_allowed(std::uint32_t topic) const { return topic < options_.gaps_allowed.size() && options_.gaps_allowed[topic]; }
  const Part* part_being_saved() const;
  Result<void> roll_back();
  Result<void> change_detection();
  void publish();

  std::chrono::milliseconds now() const { return options_.now(); }

  stream::PartitionedLog& log_;
  WorkerOptions options_;  // what a `Detection` has of it changes with `change`
  WorkerObserver& observer_;
  JudgeTools tools_;
  Counting pending_, muted_;  // since the last commit; what replays count
  Totals totals_;             // committed

  Parts parts_;   // ours
  Parts parked_;  // were ours, and may come back
  stream::Polled polled_;
  bool is_member_ = false;
  bool must_rewind_ = false;  // nothing counts until `roll_back`
  bool one_by_one_ = false;   // something is too large for the log: commits are of one partition each until it is known whose it is
  std::map<stream::PartitionId, std::string> too_large_;  // those, and what the log said; until the group shares out anew
  bool must_commit_ = false;  // something was appended that waits for nobody
  std::optional<Error> failure_;  // of a commit inside a callback
  std::chrono::milliseconds last_commit_{}, last_tick_{}, last_publish_{}, last_measure_{};
  std::size_t uncommitted_ = 0;   // messages
  std::size_t waiting_alerts_ = 0;
  stream::PartitionId snapshot_after_{};  // whose turn it was last

  std::atomic<std::int64_t> heartbeat_;
  std::shared_ptr<const Detection> detection_;  // in use; null: what `options_` began with
  mutable std::mutex mutex_;
  WorkerStatus status_;                              // guarded
  std::shared_ptr<const Detection> next_detection_;  // guarded: asked for last
};

}  // namespace trailwarden::pipeline
