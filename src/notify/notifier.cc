#include "notify/notifier.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/failpoint.h"
#include "core/log.h"
#include "core/text.h"
#include "stream/topic_scan.h"

namespace trailwarden::notify {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenCommits = 100ms;   // of changes
constexpr auto kBetweenOffsets = 1'000ms;  // of commits that only move an offset on
constexpr auto kBeginAgain = 1'000ms;      // after a restore that did not work
constexpr auto kBetweenLines = 60'000ms;   // of the log, about one sink
constexpr std::string_view kHead = "head";

/// What is kept with a committed offset: how the state that belongs to it is told from an older one, and before which offset alerts are passed over.
std::string metadata_of(std::uint64_t sequence, std::int64_t from) { return fmt::format("1 seq={} from={}", sequence, from); }

struct Metadata {
  std::uint64_t sequence = 0;
  std::int64_t from = 0;
};
std::optional<Metadata> parse_metadata(const std::string& text) {
  std::istringstream words(text);
  std::string version, sequence, from;
  if (!(words >> version >> sequence >> from) || version != "1" || !sequence.starts_with("seq=") || !from.starts_with("from=")) return std::nullopt;
  const auto number = parse_decimal<std::uint64_t>(std::string_view(sequence).substr(4));
  const auto offset = parse_decimal<std::int64_t>(std::string_view(from).substr(5));
  if (!number || !offset) return std::nullopt;
  return Metadata{*number, *offset};
}

/// GROUP/PARTITION/NAME
std::string key_of(const std::string& group, std::int32_t partition, std::string_view name) { return fmt::format("{}/{}/{}", group, partition, name); }

}  // namespace

std::string to_json(const DeadLetter& dead) {
  const Message& message = dead.message;
  nlohmann::ordered_json counts = nlohmann::ordered_json::object();
  for (const auto& [detector, row] : message.more.by_detector())
    for (std::size_t i = 0; i < row.size(); ++i)
      if (row[i] > 0) counts[detector][std::string(to_string(static_cast<event::Severity>(i)))] = row[i];
  const nlohmann::ordered_json head{{"sink", message.sink}, {"id", message.id}, {"reason", dead.reason}, {"detail", dead.detail}, {"attempts", message.attempts},
                                    {"created", format_time(std::chrono::floor<std::chrono::seconds>(message.created))}, {"more", std::move(counts)}};
  std::string out = head.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  out.pop_back();
  out += ",\"alerts\":[";
  for (const std::string& alert : message.alerts) {
    if (!out.ends_with('[')) out += ',';
    // What cannot be read as an alert need not be JSON.
    out += nlohmann::json::accept(alert) ? alert : nlohmann::json(alert).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return out + "]}";
}

Notifier::Notifier(stream::PartitionedLog& log, Courier& courier, NotifierOptions options)
    : log_(log), courier_(courier), options_(std::move(options)), book_(options_.config), last_commit_(options_.steady() - kBetweenOffsets), begin_again_(options_.steady()) {}

Result<void> Notifier::step(std::chrono::milliseconds wait) {
  if (must_rewind_)
    if (auto done = roll_back(); !done) return done;
  if (auto done = log_.poll(wait, polled_, *this); !done) return done;
  failpoint::hit("notify_after_poll");
  if (!must_rewind_) {
    begin();
    if (stopped_.empty())  // what nobody would commit or send would only fill memory
      for (const stream::Message& message : polled_.batch.messages) take(message);
    for (const stream::PartitionFault& fault : polled_.faults) stop(fault.reason + ": " + fault.detail);
  }
  if (is_loaded()) take_results();
  book_.advance(options_.now(), closes_groups_);
  if (is_commit_due())
    if (auto done = commit(); !done) return done;
  if (!must_rewind_ && stopped_.empty())
    for (Message& message : book_.due(options_.now())) courier_.carry(std::move(message));
  publish();
  return {};
}

/// What was sent by now need not be sent again.
Result<void> Notifier::finish() {
  courier_.end();
  take_results();
  if (!must_rewind_)
    if (auto done = commit(); !done) return done;
  auto left = log_.leave(*this);
  publish();
  return left;
}

// ---- membership

void Notifier::assigned(std::vector<stream::Assigned> partitions) {
  for (stream::Assigned& one : partitions) {
    Part& part = parts_[one.partition];
    part = {};
    part.assigned = std::move(one);
  }
}

void Notifier::revoked(std::span<const stream::PartitionId> partitions) {
  if (is_loaded()) take_results();
  if (!must_rewind_)
    if (auto done = commit(); !done) log::warn("notify.not_committed", {{"why", done.error().message}});
  let_go(partitions);
}

void Notifier::lost(std::span<const stream::PartitionId> partitions) { let_go(partitions); }

/// What stays is loaded again: an alert of it may stand in a group of what goes.
void Notifier::let_go(std::span<const stream::PartitionId> partitions) {
  for (const stream::PartitionId& one : partitions) parts_.erase(one);
  book_.forget();
  must_rewind_ = !parts_.empty();
}

Result<void> Notifier::roll_back() {
  book_.forget();
  parts_.clear();
  auto again = log_.rewind();
  if (!again) return fail(std::move(again).error());
  must_rewind_ = false;
  assigned(std::move(*again));
  return {};
}

void Notifier::stop(std::string why) {
  if (!stopped_.empty()) return;
  log::error("notify.stopped", {{"why", why}});
  stopped_ = std::move(why);
}

/// Loads what belongs to partitions that have not begun, and lets their alerts come.
void Notifier::begin() {
  std::vector<Part*> fresh;
  for (auto& [id, part] : parts_)
    if (!part.has_begun) fresh.push_back(&part);
  if (fresh.empty()) waits_.clear();  // what it waited for may be another's by now
  if (fresh.empty() || !stopped_.empty() || options_.steady() < begin_again_) return;
  auto loaded = load(fresh);
  if (!loaded && (loaded.error().code == ErrorCode::kIo || loaded.error().code == ErrorCode::kNotFound)) {  // waiting may mend it
    if (waits_ != loaded.error().message) log::warn("notify.waits", {{"why", loaded.error().message}});
    waits_ = loaded.error().message;
    begin_again_ = options_.steady() + kBeginAgain;
    must_rewind_ = true;  // some of it may be loaded
    return;
  }
  if (!loaded) return stop(loaded.error().message);
  waits_.clear();
  for (Part* part : fresh) {
    part->has_begun = true;
    log_.start(part->assigned.partition);
  }
}

/// Where a partition's alerts begin. kIo: it cannot be read yet.
Result<void> Notifier::place(Part& part, std::optional<std::int64_t> from) {
  const stream::Assigned& assigned = part.assigned;
  if (!assigned.next_offset || !assigned.trouble.empty())
    return fail(ErrorCode::kInvalidArgument, assigned.next_offset ? assigned.trouble : "nothing says where in the alerts to begin");
  part.next = part.committed = *assigned.next_offset;
  if (assigned.metadata.empty()) {  // the first time: from now on nothing is passed over
    part.from = from.value_or(part.next);
    part.has_changed = true;
    return {};
  }
  const auto metadata = parse_metadata(assigned.metadata);
  if (!metadata) return fail(ErrorCode::kUnsupported, "the committed offset does not say which state belongs to it (another program, or a newer version, works in this group): " + printable(assigned.metadata));
  part.sequence = metadata->sequence;
  part.from = metadata->from;
  return {};
}

Result<void> Notifier::load(std::vector<Part*>& parts) {
  std::map<std::string, std::int32_t> by_prefix;
  std::map<std::int32_t, std::uint64_t> heads;
  for (Part* part : parts) {
    if (auto placed = place(*part, options_.from); !placed) return placed;
    by_prefix[key_of(log_.group(), part->assigned.partition.number, "")] = part->assigned.partition.number;
  }
  std::map<std::pair<std::int32_t, std::string>, std::string> kept;  // a compacted topic may still have what it has forgotten
  auto read = stream::for_each_record(log_, stream::kNotificationsTopic, 0, [&](const stream::Message& message) {
    const std::size_t slash = message.key.find('/', log_.group().size() + 1);
    if (!message.key.starts_with(log_.group() + "/") || slash == std::string_view::npos) return;
    const auto found = by_prefix.find(std::string(message.key.substr(0, slash + 1)));
    if (found == by_prefix.end()) return;
    const std::string name(message.key.substr(slash + 1));
    if (!message.has_value) kept.erase({found->second, name});
    else kept[{found->second, name}] = message.value;
  });
  if (!read) return fail(ErrorCode::kIo, std::move(read).error().message);
  for (const auto& [place, value] : kept) {
    const auto& [partition, name] = place;
    if (name == kHead) heads[partition] = parse_decimal<std::uint64_t>(value).value_or(0);
    else if (auto loaded = book_.load(partition, name, value); !loaded) return loaded;
  }
  // Offsets may be gone, expired or reset, while what waits to be sent is there: it goes on with that.
  for (Part* part : parts)
    if (part->assigned.metadata.empty()) part->sequence = heads[part->assigned.partition.number];
  for (const Part* part : parts)
    if (heads[part->assigned.partition.number] != part->sequence)
      return fail(ErrorCode::kIo, fmt::format("the state of {}/{} that belongs to the committed offset (commit {}) is not in the topic {} (which has commit {}). If it is lost, delete the offsets of the group: it begins anew then, as "
                                              "`notifications.start` says",
                                              log_.inputs().front(), part->assigned.partition.number, part->sequence, stream::kNotificationsTopic, heads[part->assigned.partition.number]));
  return {};
}

// ---- alerts and results

void Notifier::take(const stream::Message& message) {
  const auto found = parts_.find(stream::partition_of(message));
  if (found == parts_.end() || !found->second.has_begun || message.offset < found->second.next) return;  // the client library may rewind
  Part& part = found->second;
  part.next = message.offset + 1;
  if (message.offset >= part.from && message.has_value) book_.take(message.partition, message.value, options_.now());
}

/// The book has the state of all partitions: else results would not be found in it, and be forgotten.
bool Notifier::is_loaded() const {
  return !must_rewind_ && std::ranges::all_of(parts_, [](const auto& entry) { return entry.second.has_begun; });
}

void Notifier::take_results() {
  for (Courier::Result& result : courier_.results()) book_.settle(result.sink, result.id, result.sent, options_.now());
}

// ---- commits

bool Notifier::is_commit_due() const {
  if (must_rewind_ || parts_.empty() || !stopped_.empty()) return false;
  const auto since = options_.steady() - last_commit_;
  const bool is_new = std::ranges::any_of(parts_, [](const auto& entry) { return entry.second.has_begun && entry.second.has_changed; });
  if (book_.has_changes() || is_new) return since >= kBetweenCommits;
  const bool moved = std::ranges::any_of(parts_, [](const auto& entry) { return entry.second.has_begun && entry.second.next != entry.second.committed; });
  return moved && since >= kBetweenOffsets;
}

/// One transaction: the book's changes, what was given up, and how far the alerts were read. An error: somebody else works in our place.
Result<void> Notifier::commit() {
  if (parts_.empty() || !is_loaded()) return {};
  const auto progress = append_changes();
  if (progress.empty()) return {};
  failpoint::hit("notify_before_commit");
  auto result = log_.commit(progress);
  failpoint::hit("notify_after_commit");
  last_commit_ = options_.steady();
  if (!result) return fail(std::move(result).error());
  if (*result == stream::CommitResult::kFenced)
    return fail(ErrorCode::kUnsupported, "another process uses our transactional id: it goes on, this one stops. Give each its own `kafka.instance`");
  must_rewind_ = *result != stream::CommitResult::kCommitted;
  if (must_rewind_) return {};
  for (auto& [id, part] : parts_) {
    part.committed = part.next;
    part.has_changed = false;
  }
  book_.committed();
  return {};
}

std::vector<stream::Progress> Notifier::append_changes() {
  BookChanges changes = book_.changes();
  for (BookChanges::Record& record : changes.records) {
    for (auto& [id, part] : parts_)
      if (id.number == record.partition) part.has_changed = true;
    append(record.partition, record.name, std::move(record.value));
  }
  for (const DeadLetter& dead : changes.dead) bury(dead);
  if (!changes.dead.empty()) parts_.begin()->second.has_changed = true;
  std::vector<stream::Progress> progress;
  for (auto& [id, part] : parts_) {
    if (!part.has_changed && part.next == part.committed) continue;
    ++part.sequence;
    append(id.number, kHead, std::to_string(part.sequence));
    progress.push_back({id, part.next, metadata_of(part.sequence, part.from)});
  }
  return progress;
}

void Notifier::append(std::int32_t partition, std::string_view name, std::optional<std::string> value) {
  const bool has_value = value.has_value();
  log_.append({.topic = std::string(stream::kNotificationsTopic), .key = key_of(log_.group(), partition, name), .value = std::move(value).value_or(""), .headers = {}, .partition = 0, .has_value = has_value});
}

void Notifier::bury(const DeadLetter& dead) {
  // A line a minute: many come at once.
  auto& [said_at, unsaid] = said_[dead.message.sink];
  ++unsaid;
  if (options_.steady() >= said_at) {
    log::error("notify.given_up", {{"sink", dead.message.sink}, {"messages", unsaid}, {"last_id", dead.message.id}, {"reason", dead.reason}, {"why", dead.detail}, {"see", "trailwarden notify undelivered"}});
    said_at = options_.steady() + kBetweenLines;
    unsaid = 0;
  }
  log_.append({.topic = std::string(stream::kUndeliveredTopic), .key = dead.message.sink, .value = to_json(dead), .headers = {{"sink", dead.message.sink}, {"reason", dead.reason}}, .partition = 0});
}

// ---- for others to see

void Notifier::publish() {
  NotifierStatus status{.is_member = !parts_.empty(), .stopped = stopped_, .waits = waits_, .sinks = book_.status(), .unrouted = book_.unrouted(), .unreadable = book_.unreadable()};
  bool is_committed = !must_rewind_ && !book_.has_changes();
  for (const auto& [id, part] : parts_) {
    status.partitions.push_back({log_.inputs().at(id.topic), id.number, part.next, part.committed});
    is_committed = is_committed && part.has_begun && part.next == part.committed && !part.has_changed;
  }
  status.is_at_rest = is_committed && book_.is_at_rest();
  const std::lock_guard lock(mutex_);
  status_ = std::move(status);
}

NotifierStatus Notifier::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace trailwarden::notify
