#include "stream/embedded_log.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/check.h"
#include "core/failpoint.h"
#include "core/log.h"

namespace trailwarden::stream {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr PartitionId kFolder{};
constexpr milliseconds kBeforeRetry{500};
constexpr std::int64_t kRowsTrimmed = 64;  // by a commit, besides twice as many as it writes
constexpr std::int64_t kRowsTrimmedForRoom = 1024;
constexpr std::size_t kLeastDeflated = 4;  // times smaller than the JSON is the journal
constexpr milliseconds kBetweenLooksForRoom{200};
constexpr milliseconds kBetweenLooksAtAlerts{500};
constexpr std::string_view kNoRoom = "no input is read: what the archiver has not stored yet fills the database (embedded.max_bytes)";

}  // namespace

Result<std::unique_ptr<EmbeddedLog>> EmbeddedLog::open(EmbeddedOptions options, std::unique_ptr<InputSource> input) {
  auto lock = ProcessLock::take(options.database);
  if (!lock) return fail(std::move(lock).error());
  auto store = EmbeddedStore::open(options.database, {.max_bytes = options.max_bytes,
                                                      .compacted = options.compacted,
                                                      .kept_messages = options.keep_journal ? 0 : options.kept_messages,
                                                      .followers = options.followers,
                                                      .now = options.now});
  if (!store) return fail(std::move(store).error());
  auto reader = EmbeddedReader::open(options.database);
  if (!reader) return fail(std::move(reader).error());
  std::unique_ptr<EmbeddedLog> log(new EmbeddedLog(std::move(options), std::move(input), std::move(*lock),
                                                   std::make_unique<EmbeddedStore>(std::move(*store)),
                                                   std::move(*reader)));
  if (auto restored = log->restore(); !restored) return fail(std::move(restored).error());
  return log;
}

EmbeddedLog::EmbeddedLog(EmbeddedOptions options, std::unique_ptr<InputSource> input, ProcessLock lock,
                         std::unique_ptr<EmbeddedStore> store, EmbeddedReader reader)
    : options_(std::move(options)),
      input_(std::move(input)),
      lock_(std::move(lock)),
      store_(std::move(store)),
      reader_(std::move(reader)) {}

Result<void> EmbeddedLog::restore() {
  auto checkpoint = store_->checkpoint();
  if (!checkpoint) return fail(std::move(checkpoint).error());
  if (*checkpoint) {
    pending_ = PendingInput((*checkpoint)->next_offset);
    metadata_ = std::move((*checkpoint)->metadata);
    ever_committed_ = true;
  }
  auto first = store_->first_input();
  if (!first) return fail(std::move(first).error());
  first_kept_ = first->value_or(pending_.begin());
  auto told = store_->each_source([this](std::int64_t id, std::string_view state) { input_->restore(id, state); });
  if (!told || options_.alerts_file.empty()) return told;
  delivery_.emplace(*store_, std::string(kAlertsTopic), options_.alerts_file);
  return delivery_->open();
}

Assigned EmbeddedLog::assigned() const {
  return {.partition = kFolder, .next_offset = pending_.begin(), .metadata = metadata_, .trouble = {}};
}

Result<void> EmbeddedLog::poll(milliseconds wait, Polled& polled, Member& member) {
  polled.clear();
  if (!joined_) {
    joined_ = true;
    member.assigned({assigned()});
    return {};
  }
  look_at_alerts();
  if (delivery_ && delivery_->behind() && Clock::now() >= deliver_at_) deliver();
  if (const auto now = Clock::now(); now < retry_at_) {
    pause(std::min(wait, std::chrono::ceil<milliseconds>(retry_at_ - now)));
    return {};
  }
  if (!started_) {
    pause(wait);
    return {};
  }
  return read_on(wait, polled);
}

Result<void> EmbeddedLog::read_on(milliseconds wait, Polled& polled) {
  look_for_room();
  bool given = pending_.give(polled.batch);
  if (!given && pending_.bytes() >= options_.max_pending_bytes) {
    pause(wait);
    return {};
  }
  if (!given) {
    if (is_full_) {
      pause(std::min(wait, kBetweenLooksForRoom));
      return {};
    }
    InputBatch input;
    if (auto read = input_->poll(told_caught_up_ || !drained_ ? wait : milliseconds{0}, input); !read) return read;
    drained_ = input.drained && !input.settling;
    pending_.add(std::move(input));
    given = pending_.give(polled.batch);
  }
  if (given) told_caught_up_ = false;
  tell_caught_up(polled);
  return {};
}

void EmbeddedLog::tell_caught_up(Polled& polled) {
  const bool all_given = polled.batch.messages.empty() || polled.batch.messages.back().offset + 1 == pending_.end();
  if (told_caught_up_ || !drained_ || !all_given) return;
  polled.caught_up.push_back({kFolder, pending_.end()});
  told_caught_up_ = true;
}

void EmbeddedLog::start(PartitionId partition) {
  TRAILWARDEN_CHECK(joined_ && partition == kFolder, "what is started was assigned");
  started_ = true;
  told_caught_up_ = false;
}

void EmbeddedLog::stop(PartitionId partition) {
  TRAILWARDEN_CHECK(partition == kFolder, "what is stopped was assigned");
  started_ = false;
}

bool EmbeddedLog::has_work(std::span<const Progress> progress) const {
  if (!appended_.empty() || pending_.has_due_marks()) return true;
  return std::any_of(progress.begin(), progress.end(), [this](const Progress& p) {
    return !ever_committed_ || p.next_offset != pending_.begin() || p.metadata != metadata_;
  });
}

Result<CommitResult> EmbeddedLog::commit(std::span<const Progress> progress) {
  if (in_doubt_) return CommitResult::kRolledBack;  // until the rewind
  for (const Progress& p : progress) {
    TRAILWARDEN_CHECK(p.partition == kFolder, "only what was assigned is committed");
    TRAILWARDEN_CHECK(p.next_offset >= pending_.begin() && p.next_offset <= pending_.end(),
                      "only what was polled is committed, once");
  }
  if (!has_work(progress)) return CommitResult::kCommitted;
  failpoint::hit("embedded_before_commit");
  const auto written = write(progress);
  store_->settle(written.has_value());
  if (!written) {
    in_doubt_ = true;
    retry_at_ = Clock::now() + kBeforeRetry;
    if (written.error().code == ErrorCode::kMalformed) return fail(with_advice(written.error(), options_.database));
    set_trouble(commit_trouble_, "nothing can be committed: " + written.error().message);
    return CommitResult::kRolledBack;
  }
  committed(progress);
  failpoint::hit("embedded_after_commit");
  deliver();
  return CommitResult::kCommitted;
}

/// Everything that counts with this commit, as one transaction.
Result<void> EmbeddedLog::write(std::span<const Progress> progress) {
  auto transaction = store_->begin();
  if (!transaction) return fail(std::move(transaction).error());
  if (trim_below_ > first_kept_) {  // first: what comes may need the room
    const auto below = trimmable();
    if (!below) return fail(below.error());
    if (auto done = store_->trim(*below, kRowsTrimmed); !done) return done;
  }
  auto rows = write_input(progress.empty() ? pending_.begin() : progress.back().next_offset);
  if (!rows) return fail(std::move(rows).error());
  for (const Outgoing& message : appended_) {
    if (auto done = store_->append(message); !done) return done;
  }
  failpoint::hit("embedded_in_transaction");
  for (const Progress& p : progress) {
    if (auto done = store_->put_checkpoint(p.next_offset, p.metadata); !done) return done;
  }
  if (trim_below_ > first_kept_) {
    const auto below = trimmable();
    if (!below) return fail(below.error());
    if (auto done = store_->trim(*below, 2 * *rows); !done) return done;
  }
  return transaction->commit();
}

/// The journal up to `next_offset`, and how far that takes the sources. Gives the number of rows.
Result<std::int64_t> EmbeddedLog::write_input(std::int64_t next_offset) {
  std::int64_t rows = 0;
  auto done = pending_.each_run(
      next_offset,
      [&](std::span<const Message> run) {
        ++rows;
        journal_row_.encode(run, row_);
        return store_->put_input(run.front().offset, run.back().offset + 1, row_);
      },
      [&](const SourceMark& mark) { return store_->put_source(mark); });
  if (!done) return fail(std::move(done).error());
  return rows;
}

/// What was written counts: it is no more pending.
void EmbeddedLog::committed(std::span<const Progress> progress) {
  if (!progress.empty()) metadata_ = progress.back().metadata;
  ever_committed_ = ever_committed_ || !progress.empty();
  drop_committed(progress.empty() ? pending_.begin() : progress.back().next_offset);
  appended_.clear();
  set_trouble(commit_trouble_, {});
  look_for_room_at_ = {};
  if (trim_below_ > first_kept_) look_at_trimmed();
  // Should this fail, the next commit will say why.
  if (shrinking_) shrinking_ = store_->shrink().value_or(false);
}

/// Input below `next_offset` is no more pending, which its source is told.
void EmbeddedLog::drop_committed(std::int64_t next_offset) {
  const auto nothing = [](std::span<const Message>) { return Result<void>{}; };
  const auto tell = [this](const SourceMark& mark) {
    input_->committed(mark);
    return Result<void>{};
  };
  TRAILWARDEN_CHECK(pending_.each_run(next_offset, nothing, tell).has_value(), "nothing was asked that can fail");
  pending_.drop(next_offset);
}

/// What neither the worker nor a follower asks for any more is below this.
Result<std::int64_t> EmbeddedLog::trimmable() {
  auto held = store_->held(kFolderTopic);
  if (!held) return fail(std::move(held).error());
  return std::min(trim_below_, held->value_or(trim_below_));
}

/// Whether there is room for more input, and makes some where followers have gone on.
/// Should anything fail here, the next commit will say why.
void EmbeddedLog::look_for_room() {
  if (options_.max_bytes == 0 || options_.followers.empty() || Clock::now() < look_for_room_at_) return;
  look_for_room_at_ = Clock::now() + kBetweenLooksForRoom;
  const auto below = trimmable();
  auto bytes = used_bytes();
  if (!below || !bytes) return;
  const std::uint64_t most = options_.max_bytes / 4 * 3;
  if (*bytes > most && *below > first_kept_) {
    auto transaction = store_->begin();
    if (!transaction || !store_->trim(*below, kRowsTrimmedForRoom) || !transaction->commit()) return;
    look_at_trimmed();
    if (bytes = used_bytes(); !bytes) return;
  }
  const std::uint64_t soon = *bytes + pending_.bytes() / kLeastDeflated;
  const bool was_full = std::exchange(is_full_, soon > most && *below < trim_below_);
  if (was_full == is_full_) return;
  set_trouble(room_trouble_, is_full_ ? std::string(kNoRoom) : "");
  if (is_full_)
    log::warn("stream.input_waits", {{"why", kNoRoom}, {"bytes", *bytes}, {"max_bytes", options_.max_bytes}});
  else
    log::info("stream.input_goes_on");
}

Result<std::uint64_t> EmbeddedLog::used_bytes() {
  const auto size = store_->size();
  if (!size) return fail(size.error());
  return size->database - size->free;
}

void EmbeddedLog::look_at_trimmed() {
  const auto first = store_->first_input();
  if (!first) return;
  const std::int64_t kept = first->value_or(pending_.begin());
  shrinking_ = shrinking_ || kept > first_kept_;
  first_kept_ = kept;
}

/// Followers have alerts too, now and then. Should it fail, the next look will say the same or more.
void EmbeddedLog::look_at_alerts() {
  if (!delivery_ || options_.followers.empty() || in_doubt_ || Clock::now() < look_at_alerts_at_) return;
  look_at_alerts_at_ = Clock::now() + kBetweenLooksAtAlerts;
  (void)store_->look_at_end(kAlertsTopic);
}

void EmbeddedLog::deliver() {
  if (!delivery_ || !delivery_->behind()) return;
  const auto delivered = delivery_->catch_up();
  if (!delivered) deliver_at_ = Clock::now() + kBeforeRetry;
  set_trouble(delivery_trouble_,
              delivered ? "" : "alerts are kept, but not in their file: " + delivered.error().message);
}

Result<std::vector<Assigned>> EmbeddedLog::rewind() {
  appended_.clear();
  started_ = false;
  pending_.give_again();
  if (in_doubt_) {
    if (auto settled = settle_doubt(); !settled) return fail(std::move(settled).error());
  }
  if (!joined_) return std::vector<Assigned>{};
  return std::vector<Assigned>{assigned()};
}

/// Whether the commit that failed happened all the same.
Result<void> EmbeddedLog::settle_doubt() {
  auto checkpoint = store_->checkpoint();
  if (!checkpoint) return fail(std::move(checkpoint).error());
  if (auto settled = store_->settle_doubt(); !settled) return settled;
  if (*checkpoint) {
    TRAILWARDEN_CHECK((*checkpoint)->next_offset >= pending_.begin(), "offsets only go on");
    // Where the offset stands still nobody can tell, so marks are written once more.
    if ((*checkpoint)->next_offset > pending_.begin()) drop_committed((*checkpoint)->next_offset);
    metadata_ = std::move((*checkpoint)->metadata);
    ever_committed_ = true;
  }
  in_doubt_ = false;
  look_for_room_at_ = {};
  return {};
}

Result<void> EmbeddedLog::leave(Member& member) {
  if (!joined_) return {};
  member.revoked(std::array{kFolder});
  joined_ = started_ = false;
  return {};
}

std::optional<Extent> EmbeddedLog::extent(PartitionId partition) const {
  if (partition != kFolder) return std::nullopt;
  return Extent{first_kept_, pending_.end()};
}

Result<std::unique_ptr<PartitionReader>> EmbeddedLog::read(std::string_view topic, std::int32_t partition,
                                                           std::int64_t from, std::optional<std::int64_t> to) {
  return reader_.read(topic, partition, from, to);
}

void EmbeddedLog::trim(PartitionId partition, std::int64_t offset) {
  TRAILWARDEN_CHECK(partition == kFolder, "only what was assigned is trimmed");
  if (options_.keep_journal) return;
  trim_below_ = std::max(trim_below_, std::min(offset, pending_.begin()));
}

std::string EmbeddedLog::trouble() const {
  std::string all = input_->trouble();
  const std::lock_guard lock(mutex_);
  for (const std::string* trouble : {&commit_trouble_, &delivery_trouble_, &room_trouble_}) {
    if (!all.empty() && !trouble->empty()) all += "; ";
    all += *trouble;
  }
  return all;
}

void EmbeddedLog::set_trouble(std::string& which, std::string what) {
  const std::lock_guard lock(mutex_);
  which = std::move(what);
}

void EmbeddedLog::pause(milliseconds wait) {
  std::unique_lock lock(mutex_);
  wakes_.wait_for(lock, wait, [this] { return woken_; });
  woken_ = false;
}

void EmbeddedLog::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  wakes_.notify_all();
  input_->wake();
}

}  // namespace trailwarden::stream
