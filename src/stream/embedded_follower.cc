#include "stream/embedded_follower.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/failpoint.h"
#include "core/log.h"

namespace trailwarden::stream {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kBeforeRetry{500};

}  // namespace

struct EmbeddedFollower::Part {
  PartitionId id;
  std::string topic;
  std::int64_t committed = 0, next = 0;
  std::string metadata;
  std::optional<std::int64_t> cut;  // an epoch has to end there; not committed yet
  Extent extent;                    // as last asked
  bool started = false;
  bool told_caught_up = false;  // since the last message or start
  std::unique_ptr<PartitionReader> reader;
  std::int64_t reader_end = 0;

  std::int64_t readable() const { return cut ? std::min(*cut, extent.end) : extent.end; }
};

Result<std::unique_ptr<EmbeddedFollower>> EmbeddedFollower::open(EmbeddedFollowerOptions options) {
  auto store = EmbeddedStore::open(options.database, {.max_bytes = 0,
                                                      .compacted = options.compacted,
                                                      .kept_messages = options.kept_messages,
                                                      .followers = options.followers,
                                                      .now = options.now,
                                                      .beside = true});
  if (!store) return fail(std::move(store).error());
  auto reader = EmbeddedReader::open(options.database);
  if (!reader) return fail(std::move(reader).error());
  std::unique_ptr<EmbeddedFollower> follower(
      new EmbeddedFollower(std::move(options), std::move(*store), std::move(*reader)));
  if (auto restored = follower->restore(); !restored) return fail(std::move(restored).error());
  return follower;
}

EmbeddedFollower::EmbeddedFollower(EmbeddedFollowerOptions options, EmbeddedStore store, EmbeddedReader reader)
    : options_(std::move(options)), store_(std::move(store)), reader_(std::move(reader)) {
  for (const std::string& topic : options_.following.topics)
    parts_.push_back({.id = {static_cast<std::uint32_t>(parts_.size()), 0}, .topic = topic});
}

EmbeddedFollower::~EmbeddedFollower() = default;

Result<void> EmbeddedFollower::restore() {
  for (Part& part : parts_)
    if (auto restored = restore(part); !restored) return restored;
  look_at_cuts();
  return {};
}

/// To what is committed, as the database has it.
Result<void> EmbeddedFollower::restore(Part& part) {
  auto known = store_.followed(group(), part.topic);
  auto extent = reader_.extent(part.topic, 0);
  if (!known || !extent) return fail(std::move(!known ? known.error() : extent.error()));
  part.extent = *extent;
  part.committed = *known ? (*known)->next_offset : extent->begin;
  part.metadata = *known ? (*known)->metadata : std::string();
  part.cut = *known ? (*known)->cut : std::nullopt;
  if (!*known) log::info("stream.follower_begins", {{"group", group()}, {"topic", part.topic}, {"offset", part.committed}});
  if (part.committed < extent->begin) {
    log::warn("stream.follower_jumps", {{"why", "the group did not work for a while, and what came meanwhile is not kept any more"},
                                        {"group", group()}, {"topic", part.topic}, {"from", part.committed}, {"to", extent->begin}});
    part.committed = extent->begin;
    if (part.cut && *part.cut <= part.committed) part.cut.reset();
  }
  part.next = part.committed;
  part.started = part.told_caught_up = false;
  part.reader.reset();
  return {};
}

std::vector<Assigned> EmbeddedFollower::assigned() const {
  std::vector<Assigned> all;
  for (const Part& part : parts_)
    all.push_back({.partition = part.id, .next_offset = part.committed, .metadata = part.metadata, .trouble = {}});
  return all;
}

Result<void> EmbeddedFollower::poll(milliseconds wait, Polled& polled, Member& member) {
  polled.clear();
  if (!joined_) {
    joined_ = true;
    member.assigned(assigned());
    return {};
  }
  if (const auto now = Clock::now(); now < retry_at_) {
    pause(std::min(wait, std::chrono::ceil<milliseconds>(retry_at_ - now)));
    return {};
  }
  if (auto done = bear(read_on(polled), read_trouble_, "the log cannot be read"); !done) return done;
  if (auto done = bear(move_on(polled), clock_trouble_, "the log's clock cannot be moved on"); !done) return done;
  tell_cuts(polled);
  if (polled.empty()) pause(wait);
  return {};
}

/// What heals by waiting shows as trouble.
Result<void> EmbeddedFollower::bear(Result<void> done, std::string& trouble, const char* what) {
  if (done) set_trouble(trouble, {});
  if (done) return done;
  if (done.error().code == ErrorCode::kMalformed) return fail(with_advice(std::move(done).error(), options_.database));
  retry_at_ = Clock::now() + kBeforeRetry;
  set_trouble(trouble, std::string(what) + ": " + done.error().message);
  return {};
}

// ---- messages

/// Of one partition a turn.
Result<void> EmbeddedFollower::read_on(Polled& polled) {
  for (std::size_t i = 0; i < parts_.size() && polled.batch.messages.empty(); ++i) {
    Part& part = parts_[turn_++ % parts_.size()];
    if (!part.started) continue;
    if (auto done = read_on(part, polled); !done) return done;
  }
  return {};
}

Result<void> EmbeddedFollower::read_on(Part& part, Polled& polled) {
  if (part.next >= part.readable()) {
    auto extent = reader_.extent(part.topic, 0);
    if (!extent) return fail(std::move(extent).error());
    part.extent = *extent;
    part.reader.reset();
  }
  if (part.next >= part.readable()) {
    if (!std::exchange(part.told_caught_up, true)) polled.caught_up.push_back({part.id, part.next});
    return {};
  }
  if (!part.reader) {
    auto opened = reader_.read_by_log_time(part.topic, part.next, part.readable());
    if (!opened) return fail(std::move(opened).error());
    part.reader = std::move(*opened);
    part.reader_end = part.readable();
  }
  auto more = part.reader->read(milliseconds{0}, polled.batch);
  if (!more && more.error().code == ErrorCode::kNotFound) {
    part.started = false;
    polled.faults.push_back({part.id, "offset_out_of_range", more.error().message});
    return {};
  }
  if (!more) return fail(std::move(more).error());
  for (Message& message : polled.batch.messages) message.origin_id = part.id.topic;
  if (!*more) {  // a compacted topic may hold nothing up to its end
    part.next = part.reader_end;
    part.reader.reset();
  }
  if (!polled.batch.messages.empty()) part.next = polled.batch.messages.back().offset + 1;
  part.told_caught_up = false;
  return {};
}

void EmbeddedFollower::start(PartitionId partition) {
  TRAILWARDEN_CHECK(joined_ && partition.topic < parts_.size(), "what is started was assigned");
  parts_[partition.topic].started = true;
  parts_[partition.topic].told_caught_up = false;
}

void EmbeddedFollower::stop(PartitionId partition) {
  TRAILWARDEN_CHECK(partition.topic < parts_.size(), "what is stopped was assigned");
  parts_[partition.topic].started = false;
}

Result<Extent> EmbeddedFollower::range(std::string_view topic, std::int32_t partition) {
  auto held = reader_.extent(topic, partition);
  for (const Part& part : parts_)
    if (held && part.cut && part.topic == topic) held->end = std::min(held->end, *part.cut);
  return held;
}

std::optional<Extent> EmbeddedFollower::extent(PartitionId partition) const {
  if (partition.topic >= parts_.size()) return std::nullopt;
  return parts_[partition.topic].extent;
}

// ---- the clock

Result<void> EmbeddedFollower::move_on(Polled& polled) {
  if (auto done = cut(); !done) return done;
  return tick(polled);
}

/// Nothing is committed from here on that has an earlier time: the clock is moved where commits read it, alone.
Result<void> EmbeddedFollower::tick(Polled& polled) {
  if (options_.now() < ticked_ + options_.tick_interval) return {};
  if (std::none_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.started; })) return {};
  auto transaction = store_.begin();
  if (!transaction) return fail(std::move(transaction).error());
  if (auto done = transaction->commit(); !done) return done;
  ticked_ = options_.now();
  for (const Part& part : parts_)
    if (part.started) polled.ticks.push_back({part.id, store_.time()});
  return {};
}

// ---- cuts

void EmbeddedFollower::tell_cuts(Polled& polled) const {
  for (const Part& part : parts_)
    if (part.started && part.cut && part.next == *part.cut) polled.cuts.push_back({part.id, *part.cut});
}

bool EmbeddedFollower::cut_here() {
  Asked before = Asked::kAllIsCommitted;
  if (asked_.compare_exchange_strong(before, Asked::kNothing)) return true;
  if (before == Asked::kNothing) asked_.compare_exchange_strong(before, Asked::kToCut);
  return false;
}

/// Once, after those that an earlier process has left are committed.
Result<void> EmbeddedFollower::cut() {
  const bool has_old = std::any_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.cut.has_value(); });
  if (asked_ != Asked::kToCut || in_doubt_ || has_old) return {};
  auto transaction = store_.begin();
  if (!transaction) return fail(std::move(transaction).error());
  std::vector<std::optional<std::int64_t>> cuts;
  for (const Part& part : parts_) {
    auto extent = reader_.extent(part.topic, 0);
    if (!extent) return fail(std::move(extent).error());
    cuts.push_back(extent->end > part.committed ? std::optional(extent->end) : std::nullopt);
    if (!cuts.back()) continue;
    if (auto done = store_.put_followed(group(), part.topic, {part.committed, part.metadata, cuts.back()}); !done) return done;
  }
  if (auto done = transaction->commit(); !done) return done;
  failpoint::hit("follower_after_cut");
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    parts_[i].cut = cuts[i];
    parts_[i].reader.reset();  // it may go on behind it
  }
  asked_ = Asked::kCutIsKept;
  look_at_cuts();
  return {};
}

void EmbeddedFollower::look_at_cuts() {
  for (Part& part : parts_)
    if (part.cut && part.committed >= *part.cut) part.cut.reset();
  const bool is_open = std::any_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.cut.has_value(); });
  if (asked_ == Asked::kCutIsKept && !is_open) asked_ = Asked::kAllIsCommitted;
}

// ---- commits

bool EmbeddedFollower::has_work(std::span<const Progress> progress) const {
  return !appended_.empty() || std::any_of(progress.begin(), progress.end(), [this](const Progress& p) {
    const Part& part = parts_[p.partition.topic];
    return p.next_offset != part.committed || p.metadata != part.metadata;
  });
}

Result<CommitResult> EmbeddedFollower::commit(std::span<const Progress> progress) {
  if (in_doubt_) return CommitResult::kRolledBack;  // until the rewind
  for (const Progress& p : progress) {
    TRAILWARDEN_CHECK(p.partition.topic < parts_.size(), "only what was assigned is committed");
    const Part& part = parts_[p.partition.topic];
    TRAILWARDEN_CHECK(p.next_offset >= part.committed && p.next_offset <= part.next, "only what was polled is committed, once");
  }
  if (!has_work(progress)) return CommitResult::kCommitted;
  failpoint::hit("follower_before_commit");
  const auto written = write(progress);
  store_.settle(written.has_value());
  if (!written) {
    in_doubt_ = true;
    if (auto borne = bear(fail(written.error()), commit_trouble_, "nothing can be committed"); !borne) return fail(std::move(borne).error());
    return CommitResult::kRolledBack;
  }
  for (const Progress& p : progress) {
    Part& part = parts_[p.partition.topic];
    part.committed = p.next_offset;
    part.metadata = p.metadata;
  }
  appended_.clear();
  look_at_cuts();
  set_trouble(commit_trouble_, {});
  failpoint::hit("follower_after_commit");
  return CommitResult::kCommitted;
}

Result<void> EmbeddedFollower::write(std::span<const Progress> progress) {
  auto transaction = store_.begin();
  if (!transaction) return fail(std::move(transaction).error());
  for (const Outgoing& message : appended_)
    if (auto done = store_.append(message); !done) return done;
  failpoint::hit("follower_in_transaction");
  for (const Progress& p : progress) {
    const Part& part = parts_[p.partition.topic];
    const auto cut = part.cut && *part.cut > p.next_offset ? part.cut : std::nullopt;
    if (auto done = store_.put_followed(group(), part.topic, {p.next_offset, p.metadata, cut}); !done) return done;
  }
  return transaction->commit();
}

Result<std::vector<Assigned>> EmbeddedFollower::rewind() {
  appended_.clear();
  if (in_doubt_) {
    if (auto settled = store_.settle_doubt(); !settled) return fail(std::move(settled).error());
    if (auto restored = restore(); !restored) return fail(std::move(restored).error());
    in_doubt_ = false;
  }
  for (Part& part : parts_) {
    part.next = part.committed;
    part.started = part.told_caught_up = false;
    part.reader.reset();
  }
  return joined_ ? assigned() : std::vector<Assigned>{};
}

Result<void> EmbeddedFollower::leave(Member& member) {
  if (!joined_) return {};
  std::vector<PartitionId> all;
  for (Part& part : parts_) {
    all.push_back(part.id);
    part.started = false;
  }
  member.revoked(all);
  joined_ = false;
  return {};
}

// ---- others

std::string EmbeddedFollower::trouble() const {
  const std::lock_guard lock(mutex_);
  for (const std::string* trouble : {&commit_trouble_, &read_trouble_, &clock_trouble_})
    if (!trouble->empty()) return *trouble;
  return {};
}

void EmbeddedFollower::set_trouble(std::string& which, std::string what) {
  const std::lock_guard lock(mutex_);
  which = std::move(what);
}

void EmbeddedFollower::pause(milliseconds wait) {
  std::unique_lock lock(mutex_);
  wakes_.wait_for(lock, wait, [this] { return woken_; });
  woken_ = false;
}

void EmbeddedFollower::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  wakes_.notify_all();
}

}  // namespace trailwarden::stream
