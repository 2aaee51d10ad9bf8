#include "testing/sim_offsets.h"

#include <algorithm>

namespace trailwarden::testing {

void SimOffsets::stage(const std::string& group, SimProducer producer, const SimProgress& progress) {
  if (world_.flaws.offsets_outside) return apply(group, progress);
  SimProgress& staged = staged_[{group, producer.id}];
  for (const auto& [partition, committed] : progress) staged.insert_or_assign(partition, committed);
}

void SimOffsets::end_transaction(const std::string& group, SimProducer producer, bool commit) {
  const auto staged = staged_.extract(std::pair(group, producer.id));
  if (commit && !staged.empty()) apply(group, staged.mapped());
}

void SimOffsets::apply(const std::string& group, const SimProgress& progress) {
  for (const auto& [partition, committed] : progress) {
    committed_[group].insert_or_assign(partition, committed);
    world_.note("offsets " + group, to_string(partition) + " -> " + std::to_string(committed.next_offset));
  }
}

SimError SimOffsets::fetch(const std::string& group, const SimTopicPartition& partition, std::optional<SimCommitted>& out) const {
  const auto about_to_change = [&](const auto& staged) { return staged.first.first == group && staged.second.contains(partition); };
  if (!world_.flaws.unstable_offsets && std::ranges::any_of(staged_, about_to_change)) return SimError::kUnstableOffset;
  out = committed(group, partition);
  return SimError::kNone;
}

std::optional<SimCommitted> SimOffsets::committed(const std::string& group, const SimTopicPartition& partition) const {
  const auto of_group = committed_.find(group);
  if (of_group == committed_.end()) return std::nullopt;
  const auto found = of_group->second.find(partition);
  return found == of_group->second.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::int64_t> SimOffsets::smallest(const SimTopicPartition& partition) const {
  std::optional<std::int64_t> least;
  for (const auto& [group, progress] : committed_)
    if (const auto found = progress.find(partition); found != progress.end())
      least = std::min(least.value_or(found->second.next_offset), found->second.next_offset);
  return least;
}

void SimOffsets::set(const std::string& group, const SimTopicPartition& partition, std::optional<std::int64_t> next_offset) {
  if (next_offset) return apply(group, {{partition, {*next_offset, {}}}});
  committed_[group].erase(partition);
  world_.note("offsets " + group, to_string(partition) + " forgotten");
}

}  // namespace trailwarden::testing
