#include "pipeline/restore.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/check.h"
#include "core/failpoint.h"

namespace trailwarden::pipeline {
namespace {

constexpr std::chrono::milliseconds kReadAgain{1'000};

}  // namespace

Restore::Restore(stream::PartitionedLog& log, const PartitionSettings& settings, stream::Assigned assigned, bool gaps_allowed, Now now)
    : log_(log), settings_(settings), assigned_(std::move(assigned)), topic_(log.inputs()[assigned_.partition.topic]), gaps_allowed_(gaps_allowed), now_(std::move(now)),
      shelf_(owner_of(log.group(), topic_), assigned_.partition.number) {
  TRAILWARDEN_CHECK(assigned_.next_offset.has_value(), "what is restored has an offset to come to");
}

Restore::~Restore() = default;

std::unique_ptr<Partition> Restore::fresh() const { return std::make_unique<Partition>(settings_, assigned_.partition.number, partitions_); }

Result<bool> Restore::step(std::chrono::milliseconds wait, JudgeTools& tools, Counting& muted) {
  Result<void> done;
  switch (phase_) {
    case Phase::kBegin: done = begin(); break;
    case Phase::kReadState: done = read_state(wait); break;
    case Phase::kReadLedger: done = read_ledger(wait); break;
    case Phase::kReplay: done = replay(wait, tools, muted); break;
    case Phase::kDone: break;
  }
  if (!done) return fail(std::move(done).error().during(fmt::format("restore {}/{}", topic_, assigned_.partition.number)));
  return phase_ == Phase::kDone;
}

Restore::Restored Restore::take() {
  TRAILWARDEN_CHECK(phase_ == Phase::kDone, "the state is there before it is taken");
  return std::move(restored_);
}

Result<void> Restore::begin() {
  auto partitions = log_.partitions(topic_);
  if (!partitions) return fail(std::move(partitions).error());
  partitions_ = *partitions;
  if (!assigned_.metadata.empty()) {
    auto checkpoint = parse_checkpoint(assigned_.metadata);
    if (!checkpoint) return fail(std::move(checkpoint).error());
    restored_.checkpoint = std::move(*checkpoint);
  } else {
    // Never committed, or put there by an operator: what was known before does not belong to this offset.
    restored_.checkpoint.begin = restored_.checkpoint.ticks_since = target();
    restored_.is_new = true;
  }
  began_ = now_();
  phase_ = Phase::kReadState;
  return open_state();
}

Result<void> Restore::open_state() {
  auto held = log_.range(stream::kStateTopic, assigned_.partition.number);
  if (!held) return fail(std::move(held).error().during("open the state topic"));
  if (held->begin == held->end) return choose();
  auto reader = log_.read(stream::kStateTopic, assigned_.partition.number, 0, std::nullopt);
  if (!reader) return fail(std::move(reader).error().during("open the state topic"));
  reader_ = std::move(*reader);
  return {};
}

Result<void> Restore::read_state(std::chrono::milliseconds wait) {
  if (is_waiting()) return now_() < read_again_ ? Result<void>{} : open_state();
  auto more = reader_->read(wait, batch_);
  if (!more) return fail(std::move(more).error().during("read the state topic"));
  for (const stream::Message& message : batch_.messages) shelf_.take(message);
  return *more ? Result<void>{} : choose();
}

/// Whether one of them is not all there, and may come yet. Then the state is read again.
bool Restore::is_waited_for(const std::vector<std::int64_t>& snapshots) {
  if (now_() - began_ >= kPatience) return false;
  return std::any_of(snapshots.begin(), snapshots.end(), [this](std::int64_t offset) {
    const auto bytes = shelf_.bytes(offset);
    return !bytes && bytes.error().code == ErrorCode::kNotFound;
  });
}

/// The newest snapshot that belongs to the committed offset's history and is whole; else what the partition began with.
Result<void> Restore::choose() {
  const std::vector<std::int64_t> known = restored_.checkpoint.snapshots;
  if (is_waited_for(known)) {
    reader_.reset();
    read_again_ = now_() + kReadAgain;
    return {};
  }
  for (const std::int64_t offset : known)
    if (load(offset)) break;
  restored_.forget = shelf_.forget_all_but(restored_.checkpoint.snapshots);
  for (const auto& entry : shelf_.entries())
    if (entry.problem.empty()) restored_.chunks.try_emplace(entry.offset, entry.chunks);
  shelf_ = SnapshotShelf(owner_of(log_.group(), topic_), assigned_.partition.number);  // large, and not needed any more
  ticks_ = restored_.checkpoint.ticks;
  if (restored_.state) return start_replay(restored_.checkpoint.snapshots.front());
  if (restored_.checkpoint.brought)
    return fail(ErrorCode::kMalformed, fmt::format("the state holds what was brought in from outside at offset {}, and no snapshot from then on can be read ({}): the input does not lead there. Let the "
                                                   "group begin anew (embedded: move the database away), with `run --state`",
                                                   *restored_.checkpoint.brought, fmt::join(restored_.passed_over, "; ")));
  restored_.state = fresh();
  if (restored_.checkpoint.ticks_since <= restored_.checkpoint.begin) return start_replay(restored_.checkpoint.begin);
  return open_ledger();
}

/// False, and the snapshot is forgotten, if it cannot be used.
bool Restore::load(std::int64_t offset) {
  const auto bytes = shelf_.bytes(offset);
  auto state = fresh();
  const auto loaded = bytes ? state->load(*bytes) : fail(bytes.error());
  if (!loaded) {
    restored_.passed_over.push_back(fmt::format("{} at offset {}: {}", topic_, offset, loaded.error().message));
    std::erase(restored_.checkpoint.snapshots, offset);
    return false;
  }
  restored_.state = std::move(state);
  failpoint::hit("restore_loaded");
  return true;
}

/// The oldest ticks are not in the metadata any more, but the ledger has them all.
Result<void> Restore::open_ledger() {
  const auto held = log_.range(stream::kLedgerTopic, assigned_.partition.number);
  if (!held) return fail(held.error());
  auto reader = log_.read(stream::kLedgerTopic, assigned_.partition.number, held->begin, std::nullopt);
  if (!reader) return fail(std::move(reader).error().during("open the ledger"));
  reader_ = std::move(*reader);
  ticks_.clear();
  phase_ = Phase::kReadLedger;
  return {};
}

Result<void> Restore::read_ledger(std::chrono::milliseconds wait) {
  auto more = reader_->read(wait, batch_);
  if (!more) return fail(std::move(more).error().during("read the ledger"));
  for (const stream::Message& message : batch_.messages) {
    const auto record = parse_ledger_record(message.value);
    if (!record || record->group != log_.group() || record->topic != topic_ || record->partition != assigned_.partition.number) continue;
    for (const AppliedTick& tick : record->ticks)
      if (tick.offset >= restored_.checkpoint.begin && tick.offset < restored_.checkpoint.ticks_since) ticks_.push_back(tick);
  }
  if (*more) return {};
  // The last ones are in the metadata; the ledger's end may not be visible yet.
  ticks_.insert(ticks_.end(), restored_.checkpoint.ticks.begin(), restored_.checkpoint.ticks.end());
  return start_replay(restored_.checkpoint.begin);
}

Result<void> Restore::start_replay(std::int64_t from) {
  while (next_tick_ < ticks_.size() && ticks_[next_tick_].offset < from) ++next_tick_;
  position_ = from;
  reader_.reset();
  phase_ = Phase::kReplay;
  if (from == target()) return {};
  auto reader = log_.read(topic_, assigned_.partition.number, from, target());
  if (!reader && is_accepted(reader.error())) return start_replay(std::min(restored_.checkpoint.accepted_until, target()));
  if (!reader) return fail(std::move(reader).error().during(fmt::format("replay from offset {}", from)));
  reader_ = std::move(*reader);
  return {};
}

/// Whether what is not there is what an operator accepted as lost.
bool Restore::is_accepted(const Error& error) const { return error.code == ErrorCode::kNotFound && position_ < restored_.checkpoint.accepted_until; }

Result<void> Restore::replay(std::chrono::milliseconds wait, JudgeTools& tools, Counting& muted) {
  bool more = reader_ != nullptr;
  if (more) {
    auto read = reader_->read(wait, batch_);
    if (!read && is_accepted(read.error())) return start_replay(std::min(restored_.checkpoint.accepted_until, target()));
    if (!read) return fail(std::move(read).error().during(fmt::format("replay at offset {}", position_)));
    more = *read;
    for (const stream::Message& message : batch_.messages) {
      if (message.offset != position_ && !gaps_allowed_ && message.offset >= restored_.checkpoint.accepted_until)
        return fail(ErrorCode::kNotFound, fmt::format("replay: offsets {} to {} are missing", position_, message.offset - 1));
      apply_ticks(message.offset, tools, muted);
      if (restored_.checkpoint.skips(message.offset)) restored_.state->skip(message, tools, muted, unsaid_);
      else restored_.state->judge(message, tools, muted, unsaid_);
      position_ = message.offset + 1;
      ++restored_.replayed;
    }
    failpoint::hit("restore_replaying");
  }
  unsaid_.clear();
  if (more) return {};
  apply_ticks(target(), tools, muted);
  position_ = target();
  reader_.reset();
  phase_ = Phase::kDone;
  return {};
}

void Restore::apply_ticks(std::int64_t up_to, JudgeTools& tools, Counting& muted) {
  for (; next_tick_ < ticks_.size() && ticks_[next_tick_].offset <= up_to; ++next_tick_)
    restored_.state->tick(ticks_[next_tick_].watermark, tools, muted, unsaid_);
}

}  // namespace trailwarden::pipeline
