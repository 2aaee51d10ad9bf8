#include "pipeline/by_operator.h"

#include <optional>

#include <fmt/format.h>

#include "core/clocks.h"
#include "pipeline/checkpoint.h"
#include "pipeline/ledger.h"
#include "pipeline/restore.h"
#include "pipeline/snapshot.h"

namespace trailwarden::pipeline {
namespace {

constexpr std::chrono::milliseconds kWait{100};

/// Waits to be given one partition; does nothing with any.
class Visitor final : public stream::Member {
 public:
  explicit Visitor(stream::PartitionId wanted) : wanted_(wanted) {}

  void assigned(std::vector<stream::Assigned> partitions) override {
    for (stream::Assigned& partition : partitions)
      if (partition.partition == wanted_) given = std::move(partition);
  }
  void revoked(std::span<const stream::PartitionId>) override { given.reset(); }
  void lost(std::span<const stream::PartitionId>) override { given.reset(); }

  std::optional<stream::Assigned> given;

 private:
  const stream::PartitionId wanted_;
};

std::string name_of(const stream::PartitionedLog& log, stream::PartitionId partition) { return fmt::format("{}/{}", log.inputs()[partition.topic], partition.number); }

/// What is committed for the partition; it is ours from here on.
Result<stream::Assigned> join(stream::PartitionedLog& log, stream::PartitionId partition, std::chrono::milliseconds patience, Visitor& visitor) {
  stream::Polled polled;
  for (auto waited = std::chrono::milliseconds{0}; !visitor.given && waited < patience; waited += kWait)
    if (auto done = log.poll(kWait, polled, visitor); !done) return fail(std::move(done).error());
  const std::string name = name_of(log, partition);
  if (!visitor.given) return fail(ErrorCode::kNotFound, fmt::format("{} was not given to us: stop the service first", name));
  if (!visitor.given->next_offset)
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: nothing was ever committed there; say where it begins with run --from, or kafka.start", name));
  return *visitor.given;
}

Result<void> commit(stream::PartitionedLog& log, const stream::Progress& progress) {
  const auto committed = log.commit({&progress, 1});
  if (!committed) return fail(committed.error());
  if (*committed != stream::CommitResult::kCommitted) return fail(ErrorCode::kIo, "the commit did not come through; nothing was changed, try again");
  return {};
}

/// The state as of what is committed.
Result<Restore::Restored> restored(stream::PartitionedLog& log, const PartitionSettings& settings, const stream::Assigned& given) {
  Restore restore(log, settings, given, false, steady_milliseconds);
  JudgeTools tools(settings.cells);
  Counting muted(settings.cells);
  for (auto done = restore.step(kWait, tools, muted);; done = restore.step(kWait, tools, muted)) {
    if (!done) return fail(std::move(done).error());
    if (*done) return restore.take();
  }
}

/// Chunks and manifest in place of every snapshot there is.
SnapshotMark append_snapshot(stream::PartitionedLog& log, const Restore::Restored& before, SnapshotWriter writer, std::string_view owner, std::int32_t partition) {
  for (const stream::Outgoing& leftover : before.forget) log.append(leftover);
  for (const auto& [offset, chunks] : before.chunks)
    for (stream::Outgoing& tombstone : forget_snapshot(owner, partition, offset, chunks)) log.append(std::move(tombstone));
  while (!writer.chunks_done()) log.append(writer.next_chunk());
  log.append(writer.manifest());
  return writer.mark();
}

}  // namespace

Result<void> change_state(stream::PartitionedLog& log, const PartitionSettings& settings, const std::string& config, const std::function<Result<bool>(Partition&)>& change,
                          std::chrono::milliseconds patience) {
  constexpr stream::PartitionId kOnly{};
  Visitor visitor(kOnly);
  const auto given = join(log, kOnly, patience, visitor);
  if (!given) return fail(given.error());
  auto before = restored(log, settings, *given);
  if (!before) return fail(std::move(before).error());
  const auto changed = change(*before->state);
  if (!changed) return fail(changed.error());
  if (!*changed) return log.leave(visitor);
  const std::string &topic = log.inputs()[kOnly.topic], owner = owner_of(log.group(), topic);
  const std::int64_t at = *given->next_offset;
  LedgerRecord record{.group = log.group(), .topic = topic, .partition = kOnly.number, .from = at, .to = at, .config = config, .watermark = before->state->watermark(), .brought_state = true};
  record.state = append_snapshot(log, *before, SnapshotWriter(owner, kOnly.number, at, before->state->save()), owner, kOnly.number);
  log.append({.topic = std::string(stream::kLedgerTopic), .key = fmt::format("{}/{}", owner, kOnly.number), .value = to_json(record), .headers = {}, .partition = kOnly.number});
  Checkpoint checkpoint = before->checkpoint;
  checkpoint.config = config;
  checkpoint.bring(at);
  if (auto done = commit(log, {kOnly, at, to_metadata(checkpoint)}); !done) return done;
  return log.leave(visitor);
}

Result<void> accept_gap(stream::PartitionedLog& log, stream::PartitionId partition, std::int64_t to, std::chrono::milliseconds patience) {
  Visitor visitor(partition);
  const auto given = join(log, partition, patience, visitor);
  if (!given) return fail(given.error());
  const std::string name = name_of(log, partition);
  if (given->metadata.empty())
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: the service has committed nothing there; say where it begins with run --from", name));
  const std::int64_t from = *given->next_offset;
  if (to <= from) return fail(ErrorCode::kInvalidArgument, fmt::format("{} is committed up to offset {}: there is nothing to accept before {}", name, from, to));
  auto checkpoint = parse_checkpoint(given->metadata);
  if (!checkpoint) return fail(std::move(checkpoint).error());
  checkpoint->accepted_until = to;
  const std::string& topic = log.inputs()[partition.topic];
  const LedgerRecord record{.group = log.group(), .topic = topic, .partition = partition.number, .from = from, .to = to, .config = checkpoint->config, .accepted_gap = true};
  log.append({.topic = std::string(stream::kLedgerTopic), .key = fmt::format("{}/{}", owner_of(log.group(), topic), partition.number), .value = to_json(record), .headers = {}, .partition = partition.number});
  if (auto done = commit(log, {partition, to, to_metadata(*checkpoint)}); !done) return done;
  return log.leave(visitor);
}

Result<void> skip_message(stream::PartitionedLog& log, stream::PartitionId partition, std::int64_t offset, std::chrono::milliseconds patience) {
  Visitor visitor(partition);
  const auto given = join(log, partition, patience, visitor);
  if (!given) return fail(given.error());
  const std::int64_t next = *given->next_offset;
  if (offset < next) return fail(ErrorCode::kInvalidArgument, fmt::format("{} is committed up to offset {}: the message at {} is judged already", name_of(log, partition), next, offset));
  // The message may be the very first one, so that there was no commit yet.
  auto checkpoint = given->metadata.empty() ? Result<Checkpoint>(Checkpoint{.config = "none", .begin = next, .ticks_since = next}) : parse_checkpoint(given->metadata);
  if (!checkpoint) return fail(std::move(checkpoint).error());
  if (checkpoint->skips(offset)) return log.leave(visitor);
  if (checkpoint->skipped.size() >= Checkpoint::kMostSkips)
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} messages are skipped in {} already, and there is no room for more", Checkpoint::kMostSkips, name_of(log, partition)));
  checkpoint->skipped.push_back(offset);
  if (auto done = commit(log, {partition, next, to_metadata(*checkpoint)}); !done) return done;
  return log.leave(visitor);
}

}  // namespace trailwarden::pipeline
