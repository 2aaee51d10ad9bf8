#include "testing/sim_fetcher.h"

#include <algorithm>

#include "core/check.h"

namespace trailwarden::testing {

void SimFetcher::assign(stream::PartitionId id, SimTopicPartition source, std::optional<std::int64_t> next_offset) {
  Partition partition;
  partition.begin = next_offset;
  if (const SimPartition* ticks = client_.broker().topics().find({ticks_topic_, source.number})) partition.ticks_from = ticks->high_watermark();
  partition.source = std::move(source);
  partitions_[id] = std::move(partition);
}

void SimFetcher::rewind(stream::PartitionId id, std::optional<std::int64_t> next_offset) {
  Partition& partition = partitions_.at(id);
  partition.state = State::kReady;
  partition.begin = next_offset;
  partition.told_end.reset();
}

void SimFetcher::start(stream::PartitionId id) {
  const auto found = partitions_.find(id);
  TRAILWARDEN_CHECK(found != partitions_.end(), "only an assigned partition is started");
  Partition& partition = found->second;
  TRAILWARDEN_CHECK(partition.state == State::kReady, "a partition is started once after it was assigned or rewound");
  TRAILWARDEN_CHECK(partition.begin, "a partition is started only where it is known where to begin");
  partition.state = State::kStarted;
  partition.started_at = partition.next = *partition.begin;
}

void SimFetcher::stop(stream::PartitionId id) {
  const auto found = partitions_.find(id);
  TRAILWARDEN_CHECK(found != partitions_.end(), "only an assigned partition is stopped");
  found->second.state = State::kStopped;
}

void SimFetcher::stop_all() {
  for (auto& [id, partition] : partitions_) partition.state = State::kStopped;
}

std::vector<stream::PartitionId> SimFetcher::ids() const {
  std::vector<stream::PartitionId> ids;
  ids.reserve(partitions_.size());
  for (const auto& [id, partition] : partitions_) ids.push_back(id);
  return ids;
}

std::optional<stream::Extent> SimFetcher::extent(stream::PartitionId id) const {
  const auto found = partitions_.find(id);
  return found == partitions_.end() ? std::nullopt : found->second.extent;
}

bool SimFetcher::is_started() const {
  return std::ranges::any_of(partitions_, [](const auto& each) { return each.second.state == State::kStarted; });
}

void SimFetcher::fetch(stream::Polled& polled) {
  SimBroker& broker = client_.broker();
  for (auto& [id, partition] : partitions_)
    if (partition.state == State::kStarted) slip_back(partition);
  // More than once, so that partitions take turns within a batch.
  for (auto rounds = broker.faults().partitions_in_any_order ? broker.dice().between(1, 3) : 1; rounds > 0; --rounds)
    for (const stream::PartitionId id : order())
      if (Partition& partition = partitions_.at(id); partition.state == State::kStarted) fetch_from(id, partition, polled);
  for (auto& [id, partition] : partitions_)
    if (partition.state == State::kStarted) fetch_ticks(id, partition, polled);
}

std::vector<stream::PartitionId> SimFetcher::order() {
  std::vector<stream::PartitionId> order = ids();
  SimBroker& broker = client_.broker();
  if (!broker.faults().partitions_in_any_order) return order;
  for (std::size_t left = order.size(); left > 1; --left) std::swap(order[left - 1], order[broker.dice().below(left)]);
  return order;
}

void SimFetcher::fetch_from(stream::PartitionId id, Partition& partition, stream::Polled& polled) {
  const SimPartition* log = client_.broker().topics().find(partition.source);
  if (!is_in_range(id, partition, log, polled)) return;
  const bool dirty = client_.broker().flaws().dirty_reads;
  const std::int64_t end = dirty ? log->high_watermark() : log->last_stable_offset();
  partition.extent = stream::Extent{log->log_start(), end};
  std::size_t left = allowed(polled);
  const std::int64_t from = partition.next;
  const SimEntry* entry = log->visible_from(from, dirty);
  for (; entry != nullptr && left > 0; entry = log->visible_from(partition.next, dirty), --left) {
    polled.batch.messages.push_back(message_of(*entry, id.number, id.topic));
    polled.batch.holds.push_back(entry->payload);
    polled.batch.source_bytes += entry->payload->key().size() + entry->payload->value().size();
    partition.next = entry->offset + 1;
  }
  if (partition.next != from) client_.note("reads " + to_string(partition.source) + " [" + std::to_string(from) + ", " + std::to_string(partition.next) + ")");
  if (entry == nullptr) tell_end(id, partition, end, polled);
}

bool SimFetcher::is_in_range(stream::PartitionId id, Partition& partition, const SimPartition* log, stream::Polled& polled) {
  const auto fault = [&](std::string reason, std::string detail) {
    partition.state = State::kStopped;
    client_.note(to_string(partition.source) + " stops: " + reason);
    polled.faults.push_back({id, std::move(reason), std::move(detail)});
    return false;
  };
  if (log == nullptr) return fault("topic_deleted", to_string(partition.source) + " does not exist any more");
  if (partition.next >= log->log_start() && partition.next <= log->high_watermark()) return true;
  return fault("offset_out_of_range", "offset " + std::to_string(partition.next) + " of " + to_string(partition.source) + ", which holds " +
                                          std::to_string(log->log_start()) + " to " + std::to_string(log->high_watermark()));
}

// Never behind where it was started: that far back it would be another partition's history.
void SimFetcher::slip_back(Partition& partition) {
  SimBroker& broker = client_.broker();
  if (!broker.dice().chance(broker.faults().duplicate_delivery)) return;
  const auto by = static_cast<std::int64_t>(broker.dice().between(1, broker.faults().duplicates_at_most));
  const SimPartition* log = broker.topics().find(partition.source);
  const std::int64_t to = std::max({partition.next - by, partition.started_at, log == nullptr ? partition.next : log->log_start()});
  if (to >= partition.next) return;
  client_.note("slips back in " + to_string(partition.source) + " to " + std::to_string(to));
  partition.next = to;
  partition.told_end.reset();
}

std::size_t SimFetcher::allowed(const stream::Polled& polled) {
  SimBroker& broker = client_.broker();
  const std::size_t room = messages_at_most_ - std::min(messages_at_most_, polled.batch.messages.size());
  return broker.dice().chance(broker.faults().partial_fetch) ? broker.dice().below(std::min<std::size_t>(room, 20)) : room;
}

void SimFetcher::tell_end(stream::PartitionId id, Partition& partition, std::int64_t end, stream::Polled& polled) {
  end = std::max(partition.next, end);
  partition.next = end;  // what lies between is markers and aborted records
  SimBroker& broker = client_.broker();
  if (partition.told_end == end || broker.dice().chance(broker.faults().end_told_late)) return;
  partition.told_end = end;
  polled.caught_up.push_back({id, end});
}

void SimFetcher::fetch_ticks(stream::PartitionId id, Partition& partition, stream::Polled& polled) {
  const SimPartition* ticks = client_.broker().topics().find({ticks_topic_, id.number});
  if (ticks == nullptr) return;
  while (const SimEntry* entry = ticks->visible_from(partition.ticks_from)) {
    polled.ticks.push_back({id, entry->append_time});
    partition.ticks_from = entry->offset + 1;
  }
}

}  // namespace trailwarden::testing
