#include "pipeline/worker.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/failpoint.h"
#include "core/log.h"
#include "pipeline/stage_timer.h"
#include "pipeline/worker_part.h"

namespace trailwarden::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr auto kTurn = 50ms;             // without input
constexpr auto kLookAtWaiting = 100ms;   // restores that can do nothing at the moment
constexpr std::size_t kRestoresAtOnce = 8;
constexpr auto kRestoreWait = 50ms;      // of a turn, for all of them
constexpr auto kRetryRestore = 1'000ms;  // when the log does not answer
constexpr auto kPublishInterval = 250ms;
constexpr auto kMeasureInterval = 5'000ms;  // memory of all cells is added up so often
constexpr std::int64_t kStaggers = 16;       // partitions begin their snapshots at so many different times

}  // namespace

std::string_view to_string(PartitionStatus::State state) {
  switch (state) {
    case PartitionStatus::State::kRestoring: return "restoring";
    case PartitionStatus::State::kRunning: return "running";
    case PartitionStatus::State::kStopped: return "stopped";
  }
  return "";
}

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::kJudge: return "judge";
    case Stage::kFreeze: return "freeze";
    case Stage::kChange: return "change";
  }
  return "";
}

Worker::Worker(stream::PartitionedLog& log, WorkerOptions options, WorkerObserver& observer)
    : log_(log), options_(std::move(options)), observer_(observer), tools_(options_.partitions.cells), pending_(options_.partitions.cells),
      muted_(options_.partitions.cells), last_commit_(now()), last_tick_(now()), heartbeat_(now().count()) {}

Worker::~Worker() = default;

Result<void> Worker::step(std::chrono::milliseconds wait) {
  heartbeat_.store(now().count(), std::memory_order_relaxed);
  if (must_rewind_) {
    if (auto done = roll_back(); !done) return done;
  }
  if (auto done = change_detection(); !done) return done;
  restore_some();
  for (const auto& [id, part] : parts_)
    if (std::exchange(part->must_start, false)) log_.start(id);
  if (auto done = log_.poll(until_due(wait), polled_, *this); !done) return done;
  if (failure_) return fail(std::move(*failure_));
  failpoint::hit("after_poll");
  if (must_rewind_) return {};
  if (!polled_.batch.messages.empty()) {
    const StageTimer timer(observer_, Stage::kJudge);
    for (const stream::Message& message : polled_.batch.messages) take(message);
  }
  failpoint::hit("after_state_change");
  for (const stream::PartitionFault& fault : polled_.faults)
    if (const auto found = parts_.find(fault.partition); found != parts_.end()) stop(*found->second, fault.reason, fault.detail);
  for (const stream::CaughtUp& caught_up : polled_.caught_up)
    if (const auto found = parts_.find(caught_up.partition); found != parts_.end()) reach_end(*found->second, caught_up.end);
  for (const stream::Tick& tick : polled_.ticks)
    if (const auto found = parts_.find(tick.partition); found != parts_.end()) found->second->pending_tick = tick.time;
  for (const auto& [id, part] : parts_) apply_tick(*part);
  write_ticks();
  if (commit_is_due()) {
    if (auto done = commit(); !done) return done;
    begin_snapshot();
  }
  publish();
  return {};
}

Result<void> Worker::run(const std::atomic<bool>& stop, std::chrono::milliseconds finish_budget, const std::function<void()>& after_turn) {
  while (!stop.load(std::memory_order_relaxed)) {
    if (auto done = step(kTurn); !done) return done;
    if (after_turn) after_turn();
  }
  return finish(finish_budget);
}

Result<void> Worker::finish(std::chrono::milliseconds budget) {
  const auto end = now() + budget;
  if (!must_rewind_) {
    if (auto done = commit(); !done) return done;
  }
  for (const auto& [id, part] : parts_) {
    // One that is under way is of an older state: it is ended, and then this one is saved.
    while (!must_rewind_ && now() < end && (part->snapshot || freeze(*part))) {
      if (auto done = commit(); !done) return done;
    }
  }
  auto left = log_.leave(*this);
  publish();
  if (failure_) return fail(std::move(*failure_));
  return left;
}

// ---- membership

void Worker::assigned(std::vector<stream::Assigned> partitions) {
  observer_.rebalanced("assigned");
  is_member_ = true;
  too_large_.clear();
  for (stream::Assigned& partition : partitions) begin(std::move(partition));
  parked_.clear();  // what has not come back is somebody else's now
  last_publish_ = {};
}

void Worker::begin(stream::Assigned assigned) {
  const stream::PartitionId id = assigned.partition;
  if (const auto parked = parked_.find(id); parked != parked_.end() && assigned.next_offset == parked->second->committed &&
                                            assigned.metadata == to_metadata(parked->second->checkpoint)) {
    Part& part = *(parts_[id] = std::move(parked->second));
    log_.start(id);
    part.must_start = part.caught_up = false;
    return;
  }
  Part& part = *(parts_[id] = std::make_unique<Part>(id, log_.inputs()[id.topic], log_.group()));
  part.restore_began = now();
  if (!assigned.next_offset || !assigned.trouble.empty()) {
    stop(part, assigned.next_offset ? "unreadable" : "no_committed_offset", assigned.trouble);
    return;
  }
  if (const auto refused = too_large_.find(id); refused != too_large_.end()) {
    part.next = part.committed = *assigned.next_offset;
    stop(part, "message_too_large", refused->second);
    return;
  }
  restore(part, std::move(assigned));
}

void Worker::restore(Part& part, stream::Assigned assigned) {
  part.restore = std::make_unique<Restore>(log_, options_.partitions, std::move(assigned), gaps_allowed(part.id.topic), options_.now);
}

void Worker::revoked(std::span<const stream::PartitionId> partitions) {
  observer_.rebalanced("revoked");
  failpoint::hit("revoke_before_commit");
  if (!must_rewind_) {
    if (auto done = commit(); !done) failure_ = std::move(done).error();
  }
  failpoint::hit("revoke_after_commit");
  for (const stream::PartitionId id : partitions) {
    const auto found = parts_.find(id);
    if (found == parts_.end()) continue;
    Part& part = *found->second;
    drop_snapshot(part);
    if (part.is_running() && !part.brought && !must_rewind_ && !failure_) parked_[id] = std::move(found->second);
    parts_.erase(found);
  }
  await_group();
}

/// One that is being written, if there is one: what is written of it will be deleted.
void Worker::drop_snapshot(Part& part) {
  if (!part.snapshot) return;
  part.forget = forget_snapshot(part.owner, part.id.number, part.snapshot->offset(), part.snapshot->chunks());
  part.snapshot.reset();
  observer_.snapshot(false);
}

void Worker::lost(std::span<const stream::PartitionId> partitions) {
  observer_.rebalanced("lost");
  for (const stream::PartitionId id : partitions) parts_.erase(id);
  await_group();
}

/// Partitions have gone; the group has not yet said which come.
void Worker::await_group() {
  count_waiting();
  is_member_ = false;
  last_publish_ = {};
}

/// What waits for the next commit, after partitions have gone.
void Worker::count_waiting() {
  waiting_alerts_ = 0;
  for (const auto& [id, part] : parts_) waiting_alerts_ += part->output.alerts.size();
  if (!parts_.empty()) return;
  uncommitted_ = 0;
  pending_.clear();
}

Result<void> Worker::roll_back() {
  observer_.rolled_back();
  failpoint::hit("abort_before_undo");
  parts_.clear();
  parked_.clear();
  count_waiting();
  must_commit_ = false;
  auto assigned = log_.rewind();
  if (!assigned) return fail(std::move(assigned).error());
  failpoint::hit("abort_after_undo");
  must_rewind_ = false;
  last_commit_ = now();
  for (stream::Assigned& partition : *assigned) begin(std::move(partition));
  return {};
}

// ---- another detection

void Worker::change(std::shared_ptr<const Detection> next) {
  const std::lock_guard lock(mutex_);
  next_detection_ = std::move(next);
}

Result<void> Worker::change_detection() {
  std::shared_ptr<const Detection> next;
  {
    const std::lock_guard lock(mutex_);
    next = next_detection_;
  }
  if (next == detection_) return {};
  if (auto done = commit(); !done || must_rewind_) return done;  // rolled back, it is tried again with the next turn
  const StageTimer timer(observer_, Stage::kChange);
  CellSettings& cells = options_.partitions.cells;
  const std::vector<detectors::ConfiguredDetector> before = std::exchange(cells.detectors, next->detectors);
  cells.suppressions = next->suppressions;
  const std::string asked = to_yaml(next->insights) + to_yaml(next->silence);
  const bool insights_change = asked != to_yaml(cells.insights.config) + to_yaml(cells.silence);  // else their state stays as it is, to the bit
  if (insights_change) {  // cells have places in it, until they follow
    cells.insights.config = next->insights;
    cells.silence = next->silence;
  }
  options_.config = next->config;
  totals_.hidden.clear();  // by number of a suppression, which means another one now
  pending_.follow(cells);
  muted_.follow(cells);
  parked_.clear();
  for (const auto& [id, part] : parts_) {
    if (part->restore) restore(*part, part->restore->assigned());
    if (part->state) {
      part->state->change_detectors(before);
      if (insights_change) part->state->change_insights();
    }
    if (!part->is_running()) continue;
    part->must_commit = true;  // the ledger says from where on it is another
    if (!part->brought) drop_snapshot(*part);
    part->last_snapshot = now() - options_.snapshot_interval;  // no replay should have to cross from one to the other
  }
  detection_ = std::move(next);
  log::info("worker.detection_changed", {{"config", options_.config}, {"partitions", std::uint64_t{parts_.size()}}});
  return {};
}

// ---- restoring

/// Some at once, for each mostly waits for the log; and only a little of each, so that the group is heard.
void Worker::restore_some() {
  std::vector<Part*> chosen;
  for (const auto& [id, part] : parts_)
    if (part->restore && now() >= part->retry_at && chosen.size() < kRestoresAtOnce) chosen.push_back(part.get());
  for (Part* part : chosen) restore_a_little(*part, kRestoreWait / static_cast<int>(chosen.size()));
}

void Worker::restore_a_little(Part& part, std::chrono::milliseconds wait) {
  auto done = part.restore->step(wait, tools_, muted_);
  if (!done && done.error().code == ErrorCode::kIo) {
    log::warn("partition.restore_retried", {{"topic", part.topic}, {"partition", std::int64_t{part.id.number}}, {"why", done.error().message}});
    part.retry_at = now() + kRetryRestore;
    restore(part, part.restore->assigned());
  } else if (!done && done.error().code == ErrorCode::kNotFound && !part.restore->is_replaying()) {
    // The input is looked at too in a restore. What is missing must not be mistaken: ours is to be made, a deleted input never to be made anew.
    const auto input = log_.partitions(part.topic);
    const bool input_gone = !input && input.error().code == ErrorCode::kNotFound;
    stop(part, input_gone ? "topic_deleted" : "state_topic_missing", done.error().message);
  } else if (!done) {
    stop(part, done.error().code == ErrorCode::kNotFound ? "input_gone" : "not_restored", done.error().message);
  } else if (*done) {
    go(part, part.restore->take());
  } else if (part.restore->is_waiting()) {
    part.retry_at = now() + kLookAtWaiting;
  }
}

void Worker::go(Part& part, Restore::Restored restored) {
  part.next = part.committed = part.restore->target();
  part.restore.reset();
  part.state = std::move(restored.state);
  part.must_commit = restored.is_new || restored.checkpoint.config != options_.config;
  part.checkpoint = std::move(restored.checkpoint);
  part.chunks = std::move(restored.chunks);
  part.forget = std::move(restored.forget);
  if (!bring_cells(part)) return;
  part.status = PartitionStatus::State::kRunning;
  part.last_ledger = now();
  // A state that other settings go on from is saved soon: no replay should have to cross from one to the other.
  const bool soon = part.must_commit && !restored.is_new;
  part.last_snapshot = soon ? now() - options_.snapshot_interval : now() - options_.snapshot_interval * (part.id.number % kStaggers) / kStaggers;
  const auto took = now() - part.restore_began;
  for (const std::string& why : restored.passed_over) log::warn("state.snapshot_passed_over", {{"why", why}});
  log::info("partition.restored", {{"topic", part.topic}, {"partition", std::int64_t{part.id.number}}, {"offset", part.next},
                                   {"replayed", restored.replayed}, {"took_ms", took.count()}, {"is_new", restored.is_new}});
  observer_.restored(part.topic, part.id.number, took, restored.replayed);
  if (part.checkpoint.snapshots.size() == 2) log_.trim(part.id, part.checkpoint.snapshots.back());
  failpoint::hit("restore_before_resume");
  if (!part.brought) log_.start(part.id);
  last_publish_ = {};
}

/// False, and the partition has stopped, if one of them cannot be read. What was taken is saved before the partition is started: a restore that finds the commit with the snapshot's
/// manifest finds the cells, and one that does not takes them again, for nothing was judged with them.
bool Worker::bring_cells(Part& part) {
  if (!options_.bring) return true;
  const auto taken = part.state->bring(*options_.bring, false);
  if (!taken) {
    stop(part, "state_not_taken", taken.error().message);
    return false;
  }
  log::info("partition.cells_taken", {{"topic", part.topic}, {"partition", std::int64_t{part.id.number}}, {"cells", std::uint64_t{*taken}}, {"offset", part.next}});
  if (*taken == 0) return true;
  part.snapshot = std::make_unique<SnapshotWriter>(part.owner, part.id.number, part.next, part.state->save());
  part.brought = part.must_commit = true;
  one_by_one_ = true;  // what replaces a snapshot of the same offset goes at once, and is large
  return true;
}

void Worker::stop(Part& part, std::string reason, std::string detail) {
  if (part.status == PartitionStatus::State::kStopped) return;
  if (part.is_running()) log_.stop(part.id);
  part.restore.reset();
  part.status = PartitionStatus::State::kStopped;
  part.stop_reason = std::move(reason);
  part.stop_detail = std::move(detail);
  log::error("partition.stopped", {{"topic", part.topic}, {"partition", std::int64_t{part.id.number}}, {"reason", part.stop_reason},
                                   {"detail", part.stop_detail}, {"offset", part.next}});
  observer_.stopped({.state = part.status, .topic = part.topic, .reason = part.stop_reason, .detail = part.stop_detail,
                     .partition = part.id.number, .next = part.next, .committed = part.committed});
  last_publish_ = {};
}

// ---- messages and ticks

void Worker::take(const stream::Message& message) {
  const auto found = parts_.find(stream::partition_of(message));
  if (found == parts_.end() || !found->second->is_running()) return;
  Part& part = *found->second;
  if (!is_next(part, message)) return;
  const std::size_t alerts = part.output.alerts.size();
  if (part.checkpoint.skips(message.offset)) {
    part.state->skip(message, tools_, pending_, part.output);
    part.skipped.push_back(message.offset);
  } else {
    part.state->judge(message, tools_, pending_, part.output);
  }
  part.next = message.offset + 1;
  part.bytes += message.value.size();
  part.caught_up = false;
  if (!part.oldest_append) part.oldest_append = message.append_time;
  if (message.append_time) part.newest_append = message.append_time;
  waiting_alerts_ += part.output.alerts.size() - alerts;
  ++uncommitted_;
}

/// Whether the log goes on where it stopped. The client library may rewind, and logs may have holes.
bool Worker::is_next(Part& part, const stream::Message& message) {
  if (message.offset == part.next) return true;
  if (message.offset < part.next) {
    observer_.offset_repeated(part.topic);
    return false;
  }
  const std::int64_t missing = message.offset - part.next;
  observer_.offset_skipped(part.topic, missing);
  if (gaps_allowed(part.id.topic) || part.next < part.checkpoint.accepted_until) return true;
  stop(part, "offset_gap", fmt::format("offsets {} to {} are missing. If they are lost for good, say so: trailwarden offsets accept-gap", part.next, message.offset - 1));
  return false;
}

/// Offsets at the end that hold nothing (markers of transactions) are passed too: else they would be lag for ever, and a loss once retention takes them.
void Worker::reach_end(Part& part, std::int64_t end) {
  part.caught_up = true;
  if (part.is_running() && gaps_allowed(part.id.topic)) part.next = std::max(part.next, end);
}

void Worker::apply_tick(Part& part) {
  if (!part.pending_tick || !part.is_running() || !part.caught_up) return;
  // Not to apply a tick is always safe; the metadata has no room for more.
  if (part.checkpoint.ticks.size() + part.ticks.size() >= Checkpoint::kMostTicks) return;
  const Timestamp watermark = std::chrono::floor<std::chrono::seconds>(*part.pending_tick) - options_.partitions.cells.lateness - options_.partitions.tick_grace;
  part.pending_tick.reset();
  const std::size_t alerts = part.output.alerts.size();
  if (!part.state->tick(watermark, tools_, pending_, part.output)) return;
  waiting_alerts_ += part.output.alerts.size() - alerts;
  part.ticks.push_back({part.next, watermark});
  observer_.ticked(part.topic);
}

/// Whoever owns the first partition of the first topic tells everybody the log's time.
void Worker::write_ticks() {
  if (options_.tick_interval == 0ms || now() - last_tick_ < options_.tick_interval) return;
  const auto first = parts_.find({0, 0});
  if (first == parts_.end()) return;
  last_tick_ = now();
  const auto partitions = log_.partitions(stream::kTicksTopic);
  if (!partitions) return;
  for (std::int32_t i = 0; i < *partitions; ++i)
    log_.append({.topic = std::string(stream::kTicksTopic), .key = {}, .value = "{}", .headers = {}, .partition = i});
  must_commit_ = true;
}

// ---- for others to see

void Worker::publish() {
  if (now() - last_publish_ < kPublishInterval) return;
  last_publish_ = now();
  WorkerStatus status;
  status.is_member = is_member_;
  for (const auto& [id, part] : parts_) {
    status.partitions.push_back({.state = part->status, .topic = part->topic, .reason = part->stop_reason, .detail = part->stop_detail,
                                 .partition = id.number, .next = part->restore ? part->restore->position() : part->next,
                                 .committed = part->restore ? part->restore->target() : part->committed, .extent = log_.extent(id),
                                 .watermark = part->state ? part->state->watermark() : kBeginningOfTime,
                                 .snapshot = part->checkpoint.snapshots.empty() ? -1 : part->checkpoint.snapshots.front(),
                                 .snapshot_bytes = part->snapshot_bytes,
                                 .since_commit = part->state ? std::optional(now() - part->last_ledger) : std::nullopt,
                                 .since_snapshot = part->snapshot_done ? std::optional(now() - *part->snapshot_done) : std::nullopt,
                                 .newest_append = part->newest_append, .cells = part->state ? part->state->cells().cells() : 0,
                                 .caught_up = part->caught_up});
  }
  status.totals = totals_;
  const bool measure = last_measure_ == 0ms || now() - last_measure_ >= kMeasureInterval;
  Totals held;
  if (measure) {
    last_measure_ = now();
    for (const auto& [id, part] : parts_)
      if (part->state) part->state->cells().add_to(held);
  }
  const std::lock_guard lock(mutex_);
  if (!measure) {
    const Totals& before = status_.totals;
    held.cells = before.cells;
    held.state_bytes = before.state_bytes;
    held.baseline_rows = before.baseline_rows;
    held.baseline_bytes = before.baseline_bytes;
    held.open_incidents = before.open_incidents;
    held.baseline_overflowed = before.baseline_overflowed;
    held.baseline_evicted = before.baseline_evicted;
    held.knob = before.knob;
    held.correlations = before.correlations;
  }
  status.totals.add(held);
  status_ = std::move(status);
}

WorkerStatus Worker::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

std::optional<SnapshotMark> Worker::state_of(stream::PartitionId partition) const {
  const auto found = parts_.find(partition);
  if (found == parts_.end() || !found->second->is_running()) return std::nullopt;
  return SnapshotWriter(found->second->owner, partition.number, found->second->next, found->second->state->save()).mark();
}

}  // namespace trailwarden::pipeline
