// How a worker commits, and saves state beside it.

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/failpoint.h"
#include "core/log.h"
#include "pipeline/stage_timer.h"
#include "pipeline/worker_part.h"

namespace trailwarden::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr auto kCommitWhileSaving = 100ms;      // chunks of a snapshot do not wait for the ordinary interval
constexpr std::size_t kChunksWithAlerts = 1;    // of a snapshot, in a commit that alerts wait for
constexpr std::size_t kChunksOtherwise = 4;
constexpr std::size_t kChunksBrought = 8;       // the partition does nothing else

}  // namespace

bool Worker::has_something(const Part& part) const {
  if (part.state == nullptr) return false;
  return part.next != part.committed || part.must_commit || !part.ticks.empty() || !part.output.alerts.empty() || !part.output.others.empty() ||
         !part.forget.empty() || (part.is_running() && now() - part.last_ledger >= options_.ledger_interval);
}

const Worker::Part* Worker::part_being_saved() const {
  for (const auto& [id, part] : parts_)
    if (part->snapshot) return part.get();
  return nullptr;
}

bool Worker::commit_is_due() const {
  const auto since = now() - last_commit_;
  if (uncommitted_ >= options_.commit_messages) return true;
  if (waiting_alerts_ > 0 && since >= options_.alert_gap) return true;
  if (part_being_saved() != nullptr && since >= kCommitWhileSaving) return true;
  if (since < options_.commit_interval) return false;
  return must_commit_ || std::any_of(parts_.begin(), parts_.end(), [this](const auto& entry) { return has_something(*entry.second); });
}

/// How long to wait for input: no longer than until the next commit, if there is something to commit.
std::chrono::milliseconds Worker::until_due(std::chrono::milliseconds wait) const {
  auto due = std::chrono::milliseconds::max();
  bool restoring = false;
  for (const auto& [id, part] : parts_) {
    restoring = restoring || (part->restore && now() >= part->retry_at);
    if (part->snapshot) due = std::min(due, kCommitWhileSaving);
    if (has_something(*part)) due = std::min(due, options_.commit_interval);
  }
  if (restoring) return 0ms;
  if (must_commit_) due = std::min(due, options_.commit_interval);
  if (waiting_alerts_ > 0) due = std::min(due, options_.alert_gap);
  if (due == std::chrono::milliseconds::max()) return wait;
  return std::clamp(due - (now() - last_commit_), 0ms, wait);
}

/// What commits at once, commits together: one transaction for all partitions that have something.
Result<void> Worker::commit() {
  std::vector<Part*> having;
  for (const auto& [id, part] : parts_)
    if (part->snapshot || has_something(*part)) having.push_back(part.get());
  if (having.empty() && !must_commit_) {
    count_waiting();
    return {};
  }
  const std::size_t at_once = one_by_one_ && !having.empty() ? 1 : std::max<std::size_t>(having.size(), 1);
  for (std::size_t i = 0; i < std::max<std::size_t>(having.size(), 1); i += at_once) {
    const std::span<Part* const> together = std::span<Part* const>(having).subspan(i, std::min(at_once, having.size()));
    if (auto done = commit_together(together); !done || must_rewind_) return done;
  }
  one_by_one_ = false;
  totals_.add(pending_.totals);
  pending_.clear();
  uncommitted_ = waiting_alerts_ = 0;
  must_commit_ = false;
  return {};
}

/// One transaction. Afterwards it is visible, or `must_rewind_`.
Result<void> Worker::commit_together(std::span<Part* const> parts) {
  const auto began = now();
  WorkerObserver::Committed said;
  append_alerts(parts, said);
  std::vector<stream::Progress> progress;
  for (Part* part : parts) {
    for (stream::Outgoing& other : part->output.others) log_.append(std::move(other));
    for (stream::Outgoing& tombstone : part->forget) log_.append(std::move(tombstone));
    part->next_checkpoint = part->checkpoint;
    part->next_checkpoint.config = options_.config;
    for (const AppliedTick& tick : part->ticks) part->next_checkpoint.add(tick);
    part->in_ledger = has_something(*part);
    append_state(*part);
    part->in_ledger = part->in_ledger || part->new_snapshot;
    // Chunks of a snapshot go with the offset as it was: it is the offset that the group fences.
    progress.push_back(part->in_ledger ? append_ledger(*part) : stream::Progress{part->id, part->committed, to_metadata(part->checkpoint)});
    said.oldest.push_back(part->oldest_append);
  }
  failpoint::hit("before_commit");
  auto result = log_.commit(progress);
  if (!result && result.error().code == ErrorCode::kTooLarge && !parts.empty()) return refused(parts, result.error()), Result<void>{};
  if (!result) return fail(std::move(result).error());
  failpoint::hit("after_commit");
  if (*result == stream::CommitResult::kFenced)
    return fail(ErrorCode::kUnsupported, "another process uses our transactional id: it goes on, this one stops. Give each its own `kafka.instance`");
  if (*result == stream::CommitResult::kRolledBack) {
    must_rewind_ = true;
    return {};
  }
  for (Part* part : parts) settle(*part);
  last_commit_ = now();
  said.took = last_commit_ - began;
  observer_.committed(said);
  return {};
}

/// The log takes something of these partitions never. Which one's it is shows when each commits alone: what the log refuses, it may refuse together with others' messages.
void Worker::refused(std::span<Part* const> parts, const Error& error) {
  must_rewind_ = true;
  one_by_one_ = true;
  if (parts.size() == 1) too_large_.insert_or_assign(parts.front()->id, error.message);
}

/// Alerts of all partitions by (decision time, id), each with the name of the commit that it belongs to.
void Worker::append_alerts(std::span<Part* const> parts, WorkerObserver::Committed& said) {
  struct Waiting {
    Alert* alert;
    Part* part;
  };
  std::vector<Waiting> waiting;
  for (Part* part : parts)
    for (Alert& alert : part->output.alerts) waiting.push_back({&alert, part});
  std::sort(waiting.begin(), waiting.end(), [](const Waiting& a, const Waiting& b) {
    return std::tie(a.alert->decision_time, a.alert->id) < std::tie(b.alert->decision_time, b.alert->id);
  });
  for (const auto& [alert, part] : waiting) {
    part->alert_ids.push_back(alert->id);
    said.decided_at.push_back(alert->decision_time);
    alert->message.headers.emplace_back("commit", commit_name(part->owner, part->id.number, part->committed));
    log_.append(std::move(alert->message));
    failpoint::hit("after_alert");
  }
  said.alerts = waiting.size();
}

void Worker::append_state(Part& part) {
  if (!part.snapshot) return;
  // Under keys that a valid snapshot has too it must all be replaced at once.
  const bool at_once = part.brought && part.chunks.contains(part.snapshot->offset());
  const std::size_t most = at_once ? SIZE_MAX : part.brought ? kChunksBrought : waiting_alerts_ > 0 ? kChunksWithAlerts : kChunksOtherwise;
  for (std::size_t i = 0; i < most && !part.snapshot->chunks_done(); ++i) {
    log_.append(part.snapshot->next_chunk());
    failpoint::hit("snapshot_chunk");
  }
  if (!part.snapshot->chunks_done()) return;
  failpoint::hit("snapshot_before_manifest");
  log_.append(part.snapshot->manifest());
  part.new_snapshot = part.snapshot->mark();
  if (part.brought) part.next_checkpoint.bring(part.snapshot->offset());
  else part.next_checkpoint.add_snapshot(part.snapshot->offset());
  const std::vector<std::int64_t>& kept = part.next_checkpoint.snapshots;
  for (const std::int64_t before : part.checkpoint.snapshots) {
    if (std::find(kept.begin(), kept.end(), before) != kept.end()) continue;
    for (stream::Outgoing& tombstone : forget_snapshot(part.owner, part.id.number, before, part.chunks[before])) log_.append(std::move(tombstone));
  }
}

stream::Progress Worker::append_ledger(Part& part) {
  LedgerRecord record{.group = log_.group(), .topic = part.topic, .partition = part.id.number, .from = part.committed, .to = part.next, .counts = part.output.counts};
  record.alerts = part.alert_ids.size();
  record.alerts_hash = hash_of_alerts(part.alert_ids);
  record.config = options_.config;
  record.watermark = part.state->watermark();
  record.ticks = part.ticks;
  record.skipped = part.skipped;
  record.state = part.new_snapshot;
  record.brought_state = part.brought;
  if (!adds_up(record.counts)) {
    log::error("ledger.does_not_add_up", {{"topic", part.topic}, {"partition", std::int64_t{part.id.number}}, {"from", record.from}, {"to", record.to}});
    observer_.ledger_failed();
  }
  log_.append({.topic = std::string(stream::kLedgerTopic),
               .key = part.owner + "/" + std::to_string(part.id.number),
               .value = to_json(record),
               .headers = {},
               .partition = part.id.number});
  return {part.id, part.next, to_metadata(part.next_checkpoint)};
}

/// What the commit under way said is visible.
void Worker::settle(Part& part) {
  observer_.counted(part.topic, part.output.counts, std::exchange(part.bytes, 0));
  part.committed = part.next;
  part.output.clear();
  part.ticks.clear();
  part.skipped.clear();
  part.alert_ids.clear();
  part.forget.clear();
  part.oldest_append.reset();
  if (!part.in_ledger) return;
  part.must_commit = false;
  part.last_ledger = now();
  part.checkpoint = part.next_checkpoint;
  if (!part.new_snapshot) return;
  failpoint::hit("snapshot_committed");
  part.snapshot_bytes = part.new_snapshot->bytes;
  part.chunks[part.new_snapshot->offset] = part.snapshot->chunks();
  std::erase_if(part.chunks, [&part](const auto& entry) {
    return std::find(part.checkpoint.snapshots.begin(), part.checkpoint.snapshots.end(), entry.first) == part.checkpoint.snapshots.end();
  });
  part.new_snapshot.reset();
  part.snapshot.reset();
  if (std::exchange(part.brought, false)) part.must_start = true;
  part.last_snapshot = now();
  part.snapshot_done = now();
  observer_.snapshot(true);
  if (part.checkpoint.snapshots.size() == 2) log_.trim(part.id, part.checkpoint.snapshots.back());
}

/// One partition at a time, in turn, when its time has come. Just after a commit, so that the copy is of a committed state.
void Worker::begin_snapshot() {
  if (must_rewind_ || part_being_saved() != nullptr || parts_.empty()) return;
  auto next = parts_.upper_bound(snapshot_after_);
  for (std::size_t i = 0; i < parts_.size(); ++i, ++next) {
    if (next == parts_.end()) next = parts_.begin();
    Part& part = *next->second;
    if (now() - part.last_snapshot < options_.snapshot_interval && !part.checkpoint.is_filling()) continue;
    part.last_snapshot = now();
    if (!freeze(part)) continue;
    snapshot_after_ = part.id;
    return;
  }
}

/// False if there is nothing new to save.
bool Worker::freeze(Part& part) {
  if (!part.is_running() || part.next != part.committed) return false;
  // Ticks at the same offset do not make it another one: they are few, and the checkpoint has them.
  const std::vector<std::int64_t>& known = part.checkpoint.snapshots;
  if (std::find(known.begin(), known.end(), part.next) != known.end()) return false;
  const StageTimer timer(observer_, Stage::kFreeze);
  part.snapshot = std::make_unique<SnapshotWriter>(part.owner, part.id.number, part.next, part.state->save());
  return true;
}

}  // namespace trailwarden::pipeline
