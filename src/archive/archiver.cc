#include "archive/archiver.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "core/failpoint.h"
#include "core/log.h"
#include "core/text.h"

namespace trailwarden::archive {
struct Archiver::Part {
  /// As a tick has shown: what is appended at `end` or behind it is delivered after the beginning of `hour`.
  struct QuietHour {
    std::int64_t end = 0;
    Timestamp hour{};
  };

  Part(stream::PartitionId partition, std::string input, std::span<const Destination> destinations, EpochRules rules)
      : id(partition), topic(std::move(input)), epoch(destinations, rules, topic, partition.number) {}

  stream::PartitionId id;
  std::string topic, stopped;  // stopped: why
  Epoch epoch;
  std::int64_t next = -1, committed = -1;
  bool is_started = false;
  bool has_ended = false;  // an epoch, which waits to be delivered
  bool is_new = false;     // nothing says yet by which rules its first epoch ends
  std::int64_t seen_end = -1;             // of the partition, where it was caught up with
  std::optional<std::int64_t> ends_with;  // the epoch does, as a tick has shown: everything of its slot stands before this offset
  Timestamp said = kBeginningOfTime;      // in the manifest: all that comes is delivered then or later
  std::optional<QuietHour> quiet;
  std::optional<AppendTime> newest_append;
  std::optional<AppendTime> ended_from, open_from;  // the oldest message of the epoch that has ended, and of the open one
};

Archiver::Archiver(stream::PartitionedLog& log, ArchiverOptions options)
    : log_(log), options_(std::move(options)), delivery_(options_.destinations, options_.delivery), block_(options_.first_block) {}

Archiver::~Archiver() = default;

Result<void> Archiver::step(std::chrono::milliseconds wait) {
  if (must_rewind_) {
    if (auto done = roll_back(); !done) return done;
  }
  unblock();
  if (auto done = note_rules(); !done || must_rewind_) return done;
  if (auto done = log_.poll(wait, polled_, *this); !done) return done;
  failpoint::hit("archive_after_poll");
  for (const stream::Message& message : polled_.batch.messages)
    if (auto done = take(message); !done) return done;
  for (const stream::PartitionFault& fault : polled_.faults)
    if (const auto found = parts_.find(fault.partition); found != parts_.end()) stop(found->second, fault.reason + ": " + fault.detail);
  for (const stream::CaughtUp& caught_up : polled_.caught_up)
    if (const auto found = parts_.find(caught_up.partition); found != parts_.end()) found->second.seen_end = std::max(found->second.seen_end, caught_up.end);
  for (const stream::Tick& tick : polled_.ticks)
    if (const auto found = parts_.find(tick.partition); found != parts_.end()) hear_tick(found->second, tick.time);
  for (const stream::Cut& cut : polled_.cuts)
    if (const auto found = parts_.find(cut.partition); found != parts_.end() && found->second.next == cut.offset) found->second.ends_with = cut.offset;
  for (auto& [id, part] : parts_)
    if (auto done = end_quiet_epoch(part); !done) return done;
  if (auto done = deliver(); !done) return done;
  if (auto done = say_quiet_hours(); !done) return done;
  publish();
  return {};
}

Result<void> Archiver::finish() {
  auto left = log_.leave(*this);
  publish();
  return left;
}

// ---- membership

void Archiver::assigned(std::vector<stream::Assigned> partitions) {
  for (stream::Assigned& partition : partitions) begin(std::move(partition));
}

void Archiver::begin(stream::Assigned assigned) {
  const stream::PartitionId id = assigned.partition;
  const auto rules = assigned.metadata.empty() ? Result<EpochRules>(options_.rules) : parse_epoch_rules(assigned.metadata);
  parts_.erase(id);
  Part& part = parts_.try_emplace(id, id, log_.inputs()[id.topic], options_.destinations, rules.value_or(options_.rules)).first->second;
  may_have_stored_ = true;
  if (!assigned.next_offset || !assigned.trouble.empty()) return stop(part, assigned.next_offset ? assigned.trouble : "nothing says where to begin");
  if (!rules) return stop(part, rules.error().message);
  if (const auto conflict = conflicts_.find(id); conflict != conflicts_.end()) return stop(part, conflict->second);
  part.next = part.committed = *assigned.next_offset;
  part.is_new = assigned.metadata.empty();
  if (waits_ || part.is_new) return;
  log_.start(id);
  part.is_started = true;
}

/// Commits where new partitions begin, and by which rules, before anything is gathered of them.
Result<void> Archiver::note_rules() {
  std::vector<stream::Progress> progress;
  for (const auto& [id, part] : parts_)
    if (part.is_new && part.stopped.empty()) progress.push_back({id, part.committed, to_metadata(options_.rules)});
  if (progress.empty()) return {};
  const auto result = commit_progress(progress);
  if (!result) return fail(result.error());
  for (const stream::Progress& one : progress) {
    Part& part = parts_.at(one.partition);
    part.is_new = false;
    if (waits_ || must_rewind_) continue;
    log_.start(one.partition);
    part.is_started = true;
  }
  return {};
}

void Archiver::stop(Part& part, std::string why) {
  if (!part.stopped.empty()) return;
  if (part.is_started) log_.stop(part.id);
  log::error("archive.partition_stopped", {{"topic", part.topic}, {"partition", std::int64_t{part.id.number}}, {"why", why}, {"offset", part.next}});
  part.stopped = std::move(why);
  part.open_from.reset();
  part.epoch = Epoch(options_.destinations, options_.rules, part.topic, part.id.number);
}

void Archiver::revoked(std::span<const stream::PartitionId> partitions) {
  for (const stream::PartitionId id : partitions) parts_.erase(id);
}

void Archiver::lost(std::span<const stream::PartitionId> partitions) { revoked(partitions); }

Result<void> Archiver::roll_back() {
  parts_.clear();
  ended_.clear();
  auto assigned = log_.rewind();
  if (!assigned) return fail(std::move(assigned).error());
  must_rewind_ = false;
  for (stream::Assigned& partition : *assigned) begin(std::move(partition));
  return {};
}

// ---- messages

Result<void> Archiver::take(const stream::Message& message) {
  const auto found = parts_.find(stream::partition_of(message));
  if (must_rewind_ || found == parts_.end() || !found->second.stopped.empty()) return {};
  Part& part = found->second;
  if (!is_next(part, message)) return {};
  if (part.epoch.ends_before(message.append_time)) {
    if (auto done = end_epoch(part); !done || must_rewind_) return done;
  }
  if (part.topic == options_.alerts_topic) part.epoch.take_alert(message, reader_, arena_);
  else part.epoch.take(message, reader_, arena_);
  part.next = message.offset + 1;
  part.newest_append = message.append_time;
  if (!part.open_from) part.open_from = message.append_time;
  return part.epoch.is_full() ? end_epoch(part) : Result<void>{};
}

/// Whether the log goes on where it stopped. The client library may rewind, and logs may have holes.
bool Archiver::is_next(Part& part, const stream::Message& message) {
  if (message.offset <= part.next) return message.offset == part.next;
  const std::size_t topic = part.id.topic;
  if (topic < options_.gaps_allowed.size() && options_.gaps_allowed[topic]) return true;
  stop(part, fmt::format("offsets {} to {} are missing: records that nobody archived. If they are lost for good, say so: trailwarden offsets accept-gap", part.next, message.offset - 1));
  return false;
}

/// A tick ends an epoch only where the log itself would: once everything that was appended before it has been read. To that end it is asked where the
/// partition ends now; without that two who gather the same epoch could end it at different offsets.
void Archiver::hear_tick(Part& part, AppendTime time) {
  if (!part.is_started || !part.stopped.empty()) return;
  const AppendTime sure = time - options_.tick_grace;
  const Timestamp hour = std::chrono::floor<std::chrono::hours>(sure);  // epochs end where hours do, so what comes later is delivered after it
  const bool is_quiet = part.epoch.empty() && !part.quiet && hour > part.said;
  if (!is_quiet && (part.ends_with || !part.epoch.ends_before(sure))) return;
  const auto range = log_.range(part.topic, part.id.number);
  if (!range) return;
  if (is_quiet) part.quiet = {range->end, hour};
  else part.ends_with = range->end;
}

Result<void> Archiver::end_quiet_epoch(Part& part) {
  if (must_rewind_ || !part.ends_with || std::max(part.next, part.seen_end) < *part.ends_with) return {};
  part.ends_with.reset();
  return part.epoch.empty() ? Result<void>{} : end_epoch(part);
}

/// Idle partitions must not keep digests waiting: whoever writes them has to hear that nothing of an hour is to come. A transaction, so that only the partition's owner can say it.
Result<void> Archiver::say_quiet_hours() {
  std::vector<stream::Progress> progress;
  for (auto& [id, part] : parts_) {
    if (!part.quiet || must_rewind_ || !part.stopped.empty() || std::max(part.next, part.seen_end) < part.quiet->end) continue;
    const Part::QuietHour quiet = *std::exchange(part.quiet, std::nullopt);
    if (!part.epoch.empty() || part.has_ended || quiet.hour <= part.said) continue;  // its epoch will say it
    log_.append({.topic = std::string(stream::kManifestTopic), .key = fmt::format("{}/{}", part.topic, id.number),
                 .value = to_json(ManifestProgress{part.topic, id.number, quiet.end, quiet.hour}), .headers = {}, .partition = std::nullopt});
    progress.push_back({id, part.committed, to_metadata(part.epoch.rules())});
    part.said = quiet.hour;
  }
  if (progress.empty()) return {};
  const auto result = commit_progress(progress);
  return result ? Result<void>{} : fail(result.error());
}

/// The epoch is ready to be delivered; the next one goes by the rules of today. The one before it is delivered first: only its commit says by which rules
/// this one was gathered, and without that nothing of it may be stored.
Result<void> Archiver::end_epoch(Part& part) {
  if (part.has_ended) {
    if (auto done = deliver(); !done || must_rewind_) return done;
  }
  part.has_ended = true;
  part.ended_from = std::exchange(part.open_from, std::nullopt);
  ended_.push_back(part.epoch.close());
  part.ends_with.reset();
  part.epoch = Epoch(options_.destinations, options_.rules, part.topic, part.id.number);
  return {};
}

// ---- delivery

Result<void> Archiver::deliver() {
  if (ended_.empty() || must_rewind_) return {};
  auto objects = delivery_.deliver(ended_, may_have_stored_);
  if (!objects) {
    block(std::move(objects).error());
    return {};
  }
  block_ = options_.first_block;
  blocked_.reset();
  return commit(*objects);
}

/// One transaction: the manifest's records, and where the epochs end.
Result<void> Archiver::commit(const std::vector<ManifestObject>& objects) {
  const auto write = [this](const EpochRange& range, std::string json) {
    log_.append({.topic = std::string(stream::kManifestTopic), .key = fmt::format("{}/{}", range.topic, range.partition), .value = std::move(json), .headers = {}, .partition = std::nullopt});
  };
  std::map<stream::PartitionId, stream::Progress> progress;
  auto object = objects.begin();
  for (const GatheredEpoch& epoch : ended_) {
    for (std::size_t i = 0; i < epoch.objects.size(); ++i) write(epoch.range, to_json(*object++));
    write(epoch.range, to_json(ManifestEpoch{epoch.range, epoch.delivered, epoch.counts, epoch.objects.size()}));
  }
  for (const auto& [id, part] : parts_)
    for (const GatheredEpoch& epoch : ended_)
      if (epoch.range.topic == part.topic && epoch.range.partition == id.number) progress[id] = {id, epoch.range.to, to_metadata(options_.rules)};
  std::vector<stream::Progress> all;
  for (auto& [id, one] : progress) all.push_back(std::move(one));
  const auto result = commit_progress(all);
  if (!result) return fail(result.error());
  if (*result == stream::CommitResult::kRolledBack) return {};
  for (const stream::Progress& one : all) {
    Part& part = parts_.at(one.partition);
    part.committed = one.next_offset;
    part.has_ended = false;
    part.ended_from.reset();
    for (const GatheredEpoch& epoch : ended_)
      if (epoch.range.topic == part.topic && epoch.range.partition == part.id.number) part.said = std::max(part.said, epoch.delivered);
  }
  const std::lock_guard lock(mutex_);
  for (const GatheredEpoch& epoch : ended_) status_.counts += epoch.counts;
  for (const ManifestObject& one : objects) {
    status_.object_bytes += one.bytes;
    Timestamp& newest = status_.newest_objects.try_emplace(one.trail, kBeginningOfTime).first->second;
    newest = std::max(newest, one.delivered);
  }
  status_.epochs += ended_.size();
  status_.objects += objects.size();
  ended_.clear();
  may_have_stored_ = false;
  return {};
}

/// kCommitted, or kRolledBack and `must_rewind_`.
Result<stream::CommitResult> Archiver::commit_progress(std::span<const stream::Progress> progress) {
  failpoint::hit("archive_before_commit");
  auto result = log_.commit(progress);
  failpoint::hit("archive_after_commit");
  if (result && *result == stream::CommitResult::kFenced)
    return fail(ErrorCode::kUnsupported, "another process uses our transactional id: it goes on, this one stops. Give each its own `kafka.instance`");
  must_rewind_ = must_rewind_ || (result && *result == stream::CommitResult::kRolledBack);
  return result;
}

/// Everything that is gathered is dropped, and nothing is read until the block is over: the memory of an archiver does not depend on how long a store is away.
void Archiver::block(DeliveryTrouble trouble) {
  must_rewind_ = true;
  if (trouble.conflict) {
    for (const auto& [id, part] : parts_)
      if (part.topic == trouble.conflict->topic && id.number == trouble.conflict->partition) conflicts_[id] = trouble.message;
    return;
  }
  log::warn("archive.delivery_blocked", {{"store", trouble.store}, {"code", trouble.code}, {"why", trouble.message}, {"again_in_ms", block_.count()}});
  blocked_ = std::move(trouble);
  waits_ = true;
  wait_until_ = options_.now() + block_;
  block_ = std::min(block_ * 2, options_.longest_block);
}

void Archiver::unblock() {
  if (!waits_ || options_.now() < wait_until_) return;
  waits_ = false;
  for (auto& [id, part] : parts_) {
    if (part.is_started || part.is_new || !part.stopped.empty()) continue;
    log_.start(id);
    part.is_started = true;
  }
}

// ---- for others to see

void Archiver::publish() {
  const std::lock_guard lock(mutex_);
  status_.partitions.clear();
  for (const auto& [id, part] : parts_) status_.partitions.push_back({part.topic, part.stopped, id.number, part.committed, part.epoch.bytes(), part.newest_append, part.ended_from ? part.ended_from : part.open_from});
  status_.blocked = blocked_;
  status_.retries = delivery_.retries();
}

ArchiverStatus Archiver::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

// ---- what is kept with an offset

std::string to_metadata(const EpochRules& rules) { return fmt::format("1 length={} bytes={}", rules.length.count(), rules.most_bytes); }

Result<EpochRules> parse_epoch_rules(std::string_view metadata) {
  const auto refuse = [&] { return fail(ErrorCode::kMalformed, "the committed offset does not say how its epoch ends (another program, or a newer version, works in this group): " + printable(metadata)); };
  std::istringstream words{std::string(metadata)};
  std::string version, length, bytes, more;
  if (!(words >> version >> length >> bytes) || words >> more || version != "1" || !length.starts_with("length=") || !bytes.starts_with("bytes=")) return refuse();
  const auto seconds = parse_decimal<std::int64_t>(std::string_view(length).substr(7));
  const auto most = parse_decimal<std::uint64_t>(std::string_view(bytes).substr(6));
  if (!seconds || *seconds < 1 || *seconds > 3'600 || !most || *most == 0) return refuse();
  return EpochRules{std::chrono::seconds{*seconds}, *most};
}

}  // namespace trailwarden::archive
