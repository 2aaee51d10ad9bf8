#include "stream/kafka_partition_table.h"

#include "core/check.h"

namespace trailwarden::stream::kafka {

void PartitionTable::assign(std::span<const Assigned> partitions) {
  entries_.clear();
  for (const Assigned& each : partitions) entries_[each.partition].state = each.next_offset ? State::kPaused : State::kUnreadable;
}

bool PartitionTable::flows(PartitionId id) const {
  const auto found = entries_.find(id);
  return found != entries_.end() && found->second.state == State::kFlowing;
}

std::vector<PartitionId> PartitionTable::ids() const {
  std::vector<PartitionId> ids;
  for (const auto& [id, entry] : entries_) ids.push_back(id);
  return ids;
}

void PartitionTable::start(PartitionId id) {
  const auto found = entries_.find(id);
  TRAILWARDEN_CHECK(found != entries_.end(), "only what is assigned is started");
  TRAILWARDEN_CHECK(found->second.state == State::kPaused, "a partition with an offset is started once after each assignment");
  found->second.state = State::kFlowing;
}

bool PartitionTable::stop(PartitionId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.state != State::kFlowing) return false;
  found->second.state = State::kStopped;
  return true;
}

void PartitionTable::reached_end(PartitionId id, std::int64_t offset) {
  if (const auto found = entries_.find(id); found != entries_.end()) found->second.end = offset;
}

void PartitionTable::moved(PartitionId id) {
  if (const auto found = entries_.find(id); found != entries_.end()) found->second.end.reset();
}

std::optional<std::int64_t> PartitionTable::end(PartitionId id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? std::nullopt : found->second.end;
}

}  // namespace trailwarden::stream::kafka
