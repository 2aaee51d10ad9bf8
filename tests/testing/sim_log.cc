#include "testing/sim_log.h"

#include <algorithm>

#include "core/check.h"
#include "testing/sim_reader.h"

namespace trailwarden::testing {
namespace {

using std::chrono::milliseconds;
using stream::CommitResult;

constexpr milliseconds kFetchWait{50};
constexpr std::size_t kMetadataAtMost = 4'000;

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

SimLog::SimLog(SimBroker& broker, SimLogOptions options)
    : options_(std::move(options)),
      client_(std::make_shared<SimClient>(broker, options_.name, options_.dies_before_request)),
      writer_(*client_, options_.transactional_id, options_.transaction_timeout),
      fetcher_(*client_, options_.ticks_topic, options_.poll_at_most) {
  client_->besides([this] { members().alive(member_id_, false); });
}

Result<void> SimLog::poll(milliseconds wait, stream::Polled& polled, stream::Member& member) {
  polled.clear();
  told_ = false;
  SimBroker& broker = client_->broker();
  const AppendTime until = broker.now() + wait;
  while (true) {
    while (step(member)) {}
    if (fetcher_.is_started()) client_->ask("fetch", SimClient::kOnce, [&] { return fetcher_.fetch(polled), SimError::kNone; });
    if (auto ok = may_go_on(); !ok) return fail(ok.error());
    if (told_ || woken_ || !polled.empty() || broker.now() >= until) break;
    broker.advance(std::min(kFetchWait, std::chrono::duration_cast<milliseconds>(until - broker.now())));
  }
  woken_ = false;
  return {};
}

void SimLog::start(stream::PartitionId partition) {
  if (!dead()) fetcher_.start(partition);
}

void SimLog::stop(stream::PartitionId partition) {
  if (!dead()) fetcher_.stop(partition);
}

void SimLog::append(stream::Outgoing message) {
  if (dead() || rolled_back_ || writer_.fenced()) return;
  too_large_ = too_large_ || message.value.size() > options_.message_at_most;
  writer_.append(std::move(message));
}

Result<CommitResult> SimLog::commit(std::span<const stream::Progress> progress) {
  if (dead()) return fail(may_go_on().error());
  const SimProgress offsets = checked(progress);
  if (writer_.fenced()) return CommitResult::kFenced;
  if (rolled_back_) return CommitResult::kRolledBack;
  if (offsets.empty() && !writer_.has_work()) return CommitResult::kCommitted;
  if (std::exchange(too_large_, false)) {
    writer_.abort();
    rolled_back_ = true;
    return fail(ErrorCode::kTooLarge, "a message is larger than the topic takes");
  }
  return result_of(writer_.commit(offsets, {options_.group, member_id_, share_.generation}));
}

Result<std::vector<stream::Assigned>> SimLog::rewind() {
  if (auto ok = may_go_on(); !ok) return fail(ok.error());
  writer_.abort();
  SimError error = writer_.initialise(SimClient::kUntilItHeals);  // before any offset is read: what is in doubt is decided now
  std::vector<stream::Assigned> assigned;
  for (const stream::PartitionId id : fetcher_.ids()) {
    if (error != SimError::kNone) break;
    error = fetch_offset(id, SimClient::kUntilItHeals, assigned.emplace_back());
  }
  if (auto ok = may_go_on(); !ok) return fail(ok.error());
  if (error != SimError::kNone) return fail(ErrorCode::kIo, "rewind: " + std::string(to_string(error)));
  for (const stream::Assigned& each : assigned) fetcher_.rewind(each.partition, each.next_offset);
  rolled_back_ = too_large_ = false;
  note_offsets("rewound", assigned);
  return assigned;
}

Result<void> SimLog::leave(stream::Member& member) {
  if (auto ok = may_go_on(); !ok) return fail(ok.error());
  if (phase_ == Phase::kMember) give_back(member);
  drop_work();
  client_->ask("leave", SimClient::kOnce, [&] { return members().leave(member_id_), SimError::kNone; });
  if (dead()) return fail(may_go_on().error());
  phase_ = Phase::kLeft;
  return {};
}

Result<std::int32_t> SimLog::partitions(std::string_view topic) {
  if (dead()) return fail(may_go_on().error());
  const SimTopic* found = client_->broker().topics().find(topic);
  if (found == nullptr) return fail(ErrorCode::kNotFound, "topic " + std::string(topic) + " does not exist");
  return static_cast<std::int32_t>(found->partitions.size());
}

Result<std::unique_ptr<stream::PartitionReader>> SimLog::read(std::string_view topic, std::int32_t partition, std::int64_t from,
                                                              std::optional<std::int64_t> to) {
  if (dead()) return fail(may_go_on().error());
  SimTopicPartition source{std::string(topic), partition};
  const SimPartition* log = client_->broker().topics().find(source);
  if (log == nullptr) return fail(ErrorCode::kNotFound, to_string(source) + " does not exist");
  const auto origin_id = static_cast<std::uint32_t>(std::ranges::find(options_.inputs, topic) - options_.inputs.begin());
  return std::make_unique<SimReader>(client_, std::move(source), origin_id, from, to.value_or(log->last_stable_offset()));
}

Result<void> SimLog::may_go_on() const {
  if (dead()) return fail(ErrorCode::kIo, options_.name + " is dead");
  if (phase_ == Phase::kLeft) return fail(ErrorCode::kInvalidArgument, options_.name + " has left its group");
  if (writer_.fenced()) return fail(ErrorCode::kIo, "somebody else is at work under the transactional id " + options_.transactional_id);
  return {};
}

bool SimLog::step(stream::Member& member) {
  if (!may_go_on()) return false;
  if (writer_.initialise(SimClient::kOnce) != SimError::kNone) return false;  // before any offset is read
  switch (phase_) {
    case Phase::kOutside: return join();
    case Phase::kJoining: return await_share();
    case Phase::kFetchingOffsets: return fetch_offsets(member);
    case Phase::kMember: return stay(member);
    case Phase::kLeft: return false;
  }
  return false;
}

bool SimLog::join() {
  const SimMembership membership{options_.name, options_.inputs, options_.session_timeout, options_.rebalance_timeout};
  const SimError error = client_->ask("join", SimClient::kOnce, [&] { return member_id_ = members().join(membership), SimError::kNone; });
  if (error != SimError::kNone) return false;
  phase_ = Phase::kJoining;
  return true;
}

bool SimLog::await_share() {
  std::optional<SimShare> share;
  const SimError error = client_->ask("await share", SimClient::kOnce, [&] {
    share = members().share_of(member_id_);
    return members().alive(member_id_, true);
  });
  if (error == SimError::kUnknownMember) {
    phase_ = Phase::kOutside;
    return true;
  }
  if (error != SimError::kNone || !share) return false;
  share_ = std::move(*share);
  phase_ = Phase::kFetchingOffsets;
  return true;
}

bool SimLog::fetch_offsets(stream::Member& member) {
  if (!stay(member)) return false;
  if (phase_ != Phase::kFetchingOffsets) return true;
  std::vector<stream::Assigned> assigned;
  for (const SimTopicPartition& source : share_.partitions)
    if (fetch_offset(id_of(source), SimClient::kOnce, assigned.emplace_back()) != SimError::kNone) return false;
  phase_ = Phase::kMember;
  announce(std::move(assigned), member);
  return false;
}

/// Asks whether what it has is still its own, and acts on it. While it is, true only before the offsets are there.
bool SimLog::stay(stream::Member& member) {
  const SimError error = client_->ask("heartbeat", SimClient::kOnce, [&] {
    members().alive(member_id_, true);
    return members().heartbeat(member_id_, share_.generation);
  });
  switch (error) {
    case SimError::kNone: return phase_ == Phase::kFetchingOffsets;
    case SimError::kRebalance: give_back(member); break;
    case SimError::kUnknownMember:
    case SimError::kIllegalGeneration: lose(member); break;
    default: return false;
  }
  if (!may_go_on()) return false;
  const SimError rejoined = client_->ask("rejoin", SimClient::kUntilItHeals, [&] { return members().rejoin(member_id_); });
  phase_ = rejoined == SimError::kNone ? Phase::kJoining : Phase::kOutside;
  return true;
}

void SimLog::give_back(stream::Member& member) {
  const std::vector<stream::PartitionId> mine = fetcher_.ids();
  if (!mine.empty()) {
    client_->note("gives back " + std::to_string(mine.size()));
    told_ = true;
    member.revoked(mine);
  }
  drop_work();
  fetcher_.clear();
}

void SimLog::lose(stream::Member& member) {
  const std::vector<stream::PartitionId> mine = fetcher_.ids();
  drop_work();
  fetcher_.clear();
  if (mine.empty()) return;
  client_->note("has lost " + std::to_string(mine.size()));
  told_ = true;
  member.lost(mine);
}

// What is left of partitions that are gone must not become visible together with what comes after: the next generation would not fence it.
void SimLog::drop_work() {
  if (writer_.has_work() && !client_->broker().flaws().revoked_work_survives) writer_.abort();
}

stream::PartitionId SimLog::id_of(const SimTopicPartition& source) const {
  return {static_cast<std::uint32_t>(std::ranges::find(options_.inputs, source.topic) - options_.inputs.begin()), source.number};
}

SimTopicPartition SimLog::source_of(stream::PartitionId id) const { return {options_.inputs.at(id.topic), id.number}; }

SimError SimLog::fetch_offset(stream::PartitionId id, milliseconds patience, stream::Assigned& assigned) {
  const SimTopicPartition source = source_of(id);
  std::optional<SimCommitted> committed;
  const SimError error = client_->ask("fetch offset of " + to_string(source), patience,
                                      [&] { return client_->broker().offsets().fetch(options_.group, source, committed); });
  if (error != SimError::kNone) return error;
  assigned.partition = id;
  assigned.next_offset = committed ? committed->next_offset : beginning(source);
  if (!assigned.next_offset) assigned.trouble = "nothing was ever committed for " + to_string(source) + ", and nobody said where to begin";
  if (committed) assigned.metadata = std::move(committed->metadata);
  return SimError::kNone;
}

std::optional<std::int64_t> SimLog::beginning(const SimTopicPartition& source) {
  const SimPartition* log = client_->broker().topics().find(source);
  if (log == nullptr || options_.begin == SimBegin::kNobodySaid) return std::nullopt;
  const std::int64_t offset = options_.begin == SimBegin::kAtFirst ? log->log_start() : log->last_stable_offset();
  return beginnings_.try_emplace(source, offset).first->second;
}

void SimLog::announce(std::vector<stream::Assigned> assigned, stream::Member& member) {
  rolled_back_ = false;  // nothing is left of what was rolled back, and these offsets were read after every doubt was ended
  note_offsets("is assigned", assigned);
  for (const stream::Assigned& each : assigned) fetcher_.assign(each.partition, source_of(each.partition), each.next_offset);
  told_ = true;
  member.assigned(std::move(assigned));
}

SimProgress SimLog::checked(std::span<const stream::Progress> progress) const {
  SimProgress offsets;
  for (const stream::Progress& each : progress) {
    TRAILWARDEN_CHECK(fetcher_.holds(each.partition), "only assigned partitions are committed");
    TRAILWARDEN_CHECK(each.next_offset >= 0 && each.metadata.size() <= kMetadataAtMost && is_printable(each.metadata), "progress is as Kafka takes it");
    offsets[source_of(each.partition)] = {each.next_offset, each.metadata};
  }
  return offsets;
}

Result<CommitResult> SimLog::result_of(SimError error) {
  client_->note("commit: " + std::string(to_string(error)));
  if (error == SimError::kNone) return CommitResult::kCommitted;
  if (error == SimError::kDead) return fail(may_go_on().error());
  if (writer_.fenced()) return CommitResult::kFenced;
  if (error == SimError::kUnknownTopic) return fail(ErrorCode::kNotFound, "commit: a topic or partition that was written to does not exist");
  rolled_back_ = true;
  fetcher_.stop_all();
  return CommitResult::kRolledBack;
}

void SimLog::note_offsets(std::string_view what, const std::vector<stream::Assigned>& assigned) {
  std::string line(what);
  for (const stream::Assigned& each : assigned)
    line.append(" ").append(to_string(source_of(each.partition))).append("@").append(each.next_offset ? std::to_string(*each.next_offset) : "none");
  client_->note(line);
}

}  // namespace trailwarden::testing
