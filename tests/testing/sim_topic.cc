#include "testing/sim_topic.h"

#include <algorithm>

#include "core/check.h"

namespace trailwarden::testing {
namespace {

constexpr std::size_t kPadding = 64;  // event::kPadding; what follows a value in real memory is anything

auto entry_at(const std::vector<SimEntry>& entries, std::int64_t offset) {
  return std::ranges::lower_bound(entries, offset, {}, &SimEntry::offset);
}

}  // namespace

std::string to_string(const SimTopicPartition& partition) { return partition.topic + "/" + std::to_string(partition.number); }
std::string to_string(SimProducer producer) { return "p" + std::to_string(producer.id) + "e" + std::to_string(producer.epoch); }

SimPayload::SimPayload(std::string_view topic, std::string key, std::optional<std::string> value, std::vector<std::pair<std::string, std::string>> headers)
    : topic_(topic), key_(std::move(key)), value_size_(value ? value->size() : 0), has_value_(value.has_value()), headers_(std::move(headers)) {
  if (value) padded_value_ = std::move(*value);
  padded_value_.append(kPadding, '"');  // a parser that reads on finds something that matters
}

std::int64_t SimPartition::append(AppendTime now, std::shared_ptr<const SimPayload> payload, std::optional<SimProducer> producer) {
  const auto fate = producer ? SimEntry::Fate::kPending : SimEntry::Fate::kVisible;
  if (producer) pending_from_.try_emplace(producer->id, end_);
  entries_.push_back({end_, now, fate, producer ? producer->id : 0, std::move(payload)});
  return end_++;
}

void SimPartition::end_transaction(AppendTime now, SimProducer producer, bool commit) {
  if (const auto pending = pending_from_.find(producer.id); pending != pending_from_.end()) {
    for (auto entry = entries_.begin() + (entry_at(entries_, pending->second) - entries_.cbegin()); entry != entries_.end(); ++entry)
      if (entry->fate == SimEntry::Fate::kPending && entry->producer_id == producer.id)
        entry->fate = commit ? SimEntry::Fate::kVisible : SimEntry::Fate::kAborted;
    pending_from_.erase(pending);
  }
  entries_.push_back({end_++, now, commit ? SimEntry::Fate::kCommitMarker : SimEntry::Fate::kAbortMarker, producer.id, nullptr});
}

void SimPartition::delete_before(std::int64_t offset) {
  log_start_ = std::max(log_start_, std::min(offset, last_stable_offset()));
  entries_.erase(entries_.cbegin(), entry_at(entries_, log_start_));
}

void SimPartition::compact(std::int64_t up_to, AppendTime tombstones_before) {
  up_to = std::min(up_to, last_stable_offset());
  std::map<std::string, std::int64_t, std::less<>> newest;
  for (const SimEntry& entry : entries_)
    if (entry.offset < up_to && entry.fate == SimEntry::Fate::kVisible) newest[std::string(entry.payload->key())] = entry.offset;
  std::erase_if(entries_, [&](const SimEntry& entry) {
    if (entry.offset >= up_to) return false;
    if (entry.fate != SimEntry::Fate::kVisible) return true;
    const bool forgotten = !entry.payload->has_value() && entry.append_time < tombstones_before;
    return forgotten || newest.find(entry.payload->key())->second != entry.offset;
  });
}

const SimEntry* SimPartition::visible_from(std::int64_t offset, bool dirty) const {
  const std::int64_t end = dirty ? end_ : last_stable_offset();
  for (auto entry = entry_at(entries_, offset); entry != entries_.end() && entry->offset < end; ++entry)
    if (entry->fate == SimEntry::Fate::kVisible || (dirty && entry->payload)) return &*entry;
  return nullptr;
}

std::int64_t SimPartition::oldest_pending() const {
  return std::ranges::min_element(pending_from_, {}, &std::pair<const std::int64_t, std::int64_t>::second)->second;
}

void SimTopics::create(std::string_view name, std::int32_t partitions, bool compacted) {
  const auto [topic, created] = topics_.try_emplace(std::string(name));
  TRAILWARDEN_CHECK(created, "a topic is created once");
  topic->second.compacted = compacted;
  topic->second.partitions.resize(static_cast<std::size_t>(partitions));
}

SimTopic* SimTopics::find(std::string_view name) {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : &found->second;
}

SimPartition* SimTopics::find(const SimTopicPartition& partition) {
  SimTopic* topic = find(partition.topic);
  if (topic == nullptr || partition.number < 0 || partition.number >= std::ssize(topic->partitions)) return nullptr;
  return &topic->partitions[static_cast<std::size_t>(partition.number)];
}

stream::Message message_of(const SimEntry& entry, std::int32_t partition, std::uint32_t origin_id) {
  stream::Message message;
  message.partition = partition;
  message.offset = entry.offset;
  message.append_time = entry.append_time;
  message.origin = entry.payload->topic();
  message.origin_id = origin_id;
  message.key = entry.payload->key();
  message.value = entry.payload->value();
  message.has_value = entry.payload->has_value();
  return message;
}

}  // namespace trailwarden::testing
