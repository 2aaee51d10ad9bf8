#include "testing/sim_broker.h"

#include "core/check.h"

namespace trailwarden::testing {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWeatherEvery{1'000};
constexpr milliseconds kTombstonesKept{60'000};

std::string describe(SimProducer producer, bool commit) { return to_string(producer) + (commit ? " commit" : " abort"); }

}  // namespace

SimBroker::SimBroker(std::uint64_t seed, SimFaults faults, SimFlaws flaws)
    : world_(seed, faults, flaws), offsets_(world_), transactions_(world_, topics_, offsets_) {
  world_.clock.at(now() + kWeatherEvery, [this] { have_weather(); });
}

void SimBroker::create_topic(std::string_view name, std::int32_t partitions, bool compacted) { topics_.create(name, partitions, compacted); }

void SimBroker::delete_topic(std::string_view name) {
  TRAILWARDEN_CHECK(topics_.find(name) != nullptr, "a topic that is deleted exists");
  topics_.erase(name);
  world_.note("admin", "deletes " + std::string(name));
}

void SimBroker::add_partitions(std::string_view name, std::int32_t more) {
  SimTopic* topic = topics_.find(name);
  TRAILWARDEN_CHECK(topic != nullptr && more > 0, "partitions are added to a topic that exists");
  topic->partitions.resize(topic->partitions.size() + static_cast<std::size_t>(more));
  world_.note("admin", "adds partitions to " + std::string(name));
  for (auto& [id, group] : groups_)
    if (group.reads(name)) group.rebalance("partitions were added");
}

std::int64_t SimBroker::put(std::string_view topic, std::int32_t partition, std::optional<std::string> value, std::string key) {
  SimPartition& log = at(topic, partition);
  if (world_.dice.chance(world_.faults.offset_gap)) log.skip_offsets(static_cast<std::int64_t>(world_.dice.between(1, 5)));
  return log.append(now(), std::make_shared<const SimPayload>(topic, std::move(key), std::move(value)));
}

void SimBroker::delete_records(std::string_view topic, std::int32_t partition, std::int64_t before) {
  at(topic, partition).delete_before(before);
  world_.note("admin", "deletes " + std::string(topic) + "/" + std::to_string(partition) + " before " + std::to_string(before));
}

void SimBroker::compact(std::string_view name) {
  SimTopic* topic = topics_.find(name);
  TRAILWARDEN_CHECK(topic != nullptr && topic->compacted, "only compacted topics are compacted");
  for (SimPartition& partition : topic->partitions) partition.compact(partition.last_stable_offset(), now() - kTombstonesKept);
  world_.note("cleaner", "compacts " + std::string(name));
}

std::vector<SimRecord> SimBroker::visible(std::string_view topic, std::int32_t partition) {
  std::vector<SimRecord> records;
  const SimPartition& log = at(topic, partition);
  for (const SimEntry* entry = log.visible_from(0); entry != nullptr; entry = log.visible_from(entry->offset + 1)) {
    const SimPayload& payload = *entry->payload;
    const auto value = payload.has_value() ? std::optional(std::string(payload.value())) : std::nullopt;
    records.push_back({entry->offset, entry->append_time, std::string(payload.key()), value, payload.headers()});
  }
  return records;
}

stream::Extent SimBroker::extent(std::string_view topic, std::int32_t partition) {
  const SimPartition& log = at(topic, partition);
  return {log.log_start(), log.last_stable_offset()};
}

std::optional<SimCommitted> SimBroker::committed(const std::string& group, std::string_view topic, std::int32_t partition) const {
  return offsets_.committed(group, {std::string(topic), partition});
}

bool SimBroker::has_consumed(const std::string& group, std::string_view topic, std::int32_t partitions) {
  for (std::int32_t p = 0; p < partitions; ++p) {
    const auto records = visible(topic, p);
    const auto next = committed(group, topic, p);
    if (!records.empty() && (!next || next->next_offset <= records.back().offset)) return false;
  }
  return true;
}

void SimBroker::commit_as_administrator(const std::string& group, std::string_view topic, std::int32_t partition, std::optional<std::int64_t> next_offset) {
  offsets_.set(group, {std::string(topic), partition}, next_offset);
}

void SimBroker::outage(milliseconds duration) {
  world_.outage_ends = std::max(world_.outage_ends, now() + duration);
  world_.note("broker", "is out for " + std::to_string(duration.count()) + " ms");
}

SimError SimBroker::admit(const std::string& client, std::string_view request) {
  SimError error = SimError::kNone;
  if (world_.outage()) error = SimError::kUnavailable;
  else if (world_.dice.chance(world_.faults.retriable)) error = SimError::kTryAgain;
  if (error != SimError::kNone) world_.note(client, std::string(request) + ": " + std::string(to_string(error)));
  return error;
}

SimError SimBroker::write(SimProducer producer, const SimTopicPartition& partition, std::shared_ptr<const SimPayload> payload) {
  if (const SimError error = transactions_.may_write(producer, partition); error != SimError::kNone) return error;
  SimPartition* log = topics_.find(partition);
  if (log == nullptr) return SimError::kUnknownTopic;
  const std::int64_t offset = log->append(now(), std::move(payload), producer);
  world_.note(to_string(producer), "writes " + to_string(partition) + "@" + std::to_string(offset));
  return SimError::kNone;
}

SimError SimBroker::stage(SimProducer producer, const std::string& group, const std::string& member, std::int32_t generation, const SimProgress& progress) {
  if (const SimError error = transactions_.may_stage(producer, group); error != SimError::kNone) return error;
  if (const SimError error = this->group(group).may_commit(member, generation); error != SimError::kNone) return error;
  if (world_.dice.chance(world_.faults.offsets_refused)) return SimError::kOffsetsRefused;
  offsets_.stage(group, producer, progress);
  return SimError::kNone;
}

SimError SimBroker::end_transaction(const std::string& client, SimProducer producer, bool commit) {
  const SimEnd end = next_end();
  const std::string what = describe(producer, commit);
  switch (end.fate) {
    case SimEnd::Fate::kAnswered: return transactions_.end(producer, commit);
    case SimEnd::Fate::kAppliedUnanswered:
      world_.note(client, what + ": applied, not answered: " + std::string(to_string(transactions_.end(producer, commit))));
      break;
    case SimEnd::Fate::kLost: world_.note(client, what + ": lost"); break;
    case SimEnd::Fate::kLate:
      world_.note(client, what + ": on its way");
      end_later(producer, commit, end.late_by);
      break;
  }
  stand_still(client, world_.faults.request_timeout);
  return SimError::kNoAnswer;
}

SimEnd SimBroker::next_end() {
  if (!scripted_ends_.empty()) {
    const SimEnd end = scripted_ends_.front();
    scripted_ends_.pop_front();
    return end;
  }
  const SimFaults& faults = world_.faults;
  if (world_.dice.chance(faults.end_applied_unanswered)) return {SimEnd::Fate::kAppliedUnanswered, {}};
  if (world_.dice.chance(faults.end_lost)) return {SimEnd::Fate::kLost, {}};
  if (world_.dice.chance(faults.end_late)) return {SimEnd::Fate::kLate, world_.dice.within(faults.late_at_most)};
  return {};
}

void SimBroker::end_later(SimProducer producer, bool commit, milliseconds delay) {
  world_.clock.at(now() + delay, [this, producer, commit] {
    const SimError error = transactions_.end(producer, commit);
    world_.note("network", "late " + describe(producer, commit) + ": " + std::string(to_string(error)));
  });
}

SimGroup& SimBroker::group(const std::string& name) { return groups_.try_emplace(name, world_, topics_, name).first->second; }

void SimBroker::stand_still(const std::string& client, milliseconds duration) {
  const AppendTime until = now() + duration;
  if (meanwhile_) meanwhile_(client, duration);
  if (now() < until) advance(until - now());
}

SimPartition& SimBroker::at(std::string_view topic, std::int32_t partition) {
  SimPartition* found = topics_.find({std::string(topic), partition});
  TRAILWARDEN_CHECK(found != nullptr, "a test names topics that exist");
  return *found;
}

// What happens by itself. Once a second, so that its probabilities do not depend on how time is advanced.
void SimBroker::have_weather() {
  world_.clock.at(now() + kWeatherEvery, [this] { have_weather(); });
  const SimFaults& faults = world_.faults;
  if (!world_.outage() && world_.dice.chance(faults.outage)) outage(world_.dice.within(faults.outage_at_most));
  if (world_.outage()) return;
  for (auto& [name, group] : groups_)
    if (world_.dice.chance(faults.rebalance)) group.rebalance("for no reason");
  for (auto& [name, topic] : topics_.all()) clean_some(name, topic);
}

void SimBroker::clean_some(const std::string& name, SimTopic& topic) {
  for (std::int32_t number = 0; SimPartition& partition : topic.partitions) {
    const SimTopicPartition id{name, number++};
    if (world_.dice.chance(world_.faults.retention)) retain(id, partition);
    if (!topic.compacted || !world_.dice.chance(world_.faults.compaction)) continue;
    // The newest segment is never cleaned, so how far the cleaner gets is anybody's guess.
    const auto up_to = static_cast<std::int64_t>(world_.dice.below(static_cast<std::uint64_t>(partition.last_stable_offset()) + 1));
    partition.compact(up_to, now() - kTombstonesKept);
    world_.note("cleaner", "compacts " + to_string(id) + " before " + std::to_string(up_to));
  }
}

void SimBroker::retain(const SimTopicPartition& id, SimPartition& partition) {
  const auto committed = offsets_.smallest(id);
  if (!committed) return;
  partition.delete_before(*committed - world_.faults.retention_keeps);
  world_.note("retention", "deletes " + to_string(id) + " before " + std::to_string(partition.log_start()));
}

}  // namespace trailwarden::testing
