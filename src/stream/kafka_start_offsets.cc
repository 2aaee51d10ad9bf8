#include "stream/kafka_start_offsets.h"

#include <algorithm>

#include <fmt/format.h>

#include "stream/kafka_query.h"

namespace trailwarden::stream::kafka {

Result<std::vector<Assigned>> StartOffsets::resolve(rd_kafka_t* client, std::span<const PartitionId> partitions, std::chrono::milliseconds limit) {
  PartitionList list = make_list(partitions.size());
  for (const PartitionId id : partitions) rd_kafka_topic_partition_list_add(list.get(), options_.inputs[id.topic].c_str(), id.number);
  if (!partitions.empty()) {
    if (auto fetched = fetch_committed(client, list, limit); !fetched) return fail(std::move(fetched).error());
  }
  std::vector<Assigned> resolved;
  for (const PartitionId id : partitions) {
    const rd_kafka_topic_partition_t& committed = *rd_kafka_topic_partition_list_find(list.get(), options_.inputs[id.topic].c_str(), id.number);
    Assigned& assigned = resolved.emplace_back(Assigned{.partition = id});
    if (committed.offset >= 0) {
      assigned.next_offset = committed.offset;
      if (committed.metadata != nullptr) assigned.metadata.assign(static_cast<const char*>(committed.metadata), committed.metadata_size);
      beginnings_.erase(id);
      continue;
    }
    auto offset = beginning(client, id, limit);
    if (!offset) return fail(std::move(offset).error());
    assigned.next_offset = *offset;
    if (!assigned.next_offset)
      assigned.trouble = fmt::format("group {} has committed nothing for {}/{}, and nobody said where to begin", options_.group,
                                     options_.inputs[id.topic], id.number);
  }
  return resolved;
}

Result<std::optional<std::int64_t>> StartOffsets::beginning(rd_kafka_t* client, PartitionId id, std::chrono::milliseconds limit) {
  using Kind = KafkaLogOptions::StartFrom::Kind;
  if (const auto known = beginnings_.find(id); known != beginnings_.end()) return std::optional(known->second);
  const std::string& topic = options_.inputs[id.topic];
  const bool is_own = std::find(options_.own_inputs.begin(), options_.own_inputs.end(), topic) != options_.own_inputs.end();
  Kind kind = options_.start_from.kind;
  if (kind == Kind::kNobodySaid && is_own) kind = Kind::kEarliest;
  if (kind == Kind::kNobodySaid) return std::nullopt;
  const auto extent = query_extent(client, topic, id.number, limit);
  if (!extent) return fail(extent.error());
  std::int64_t offset = kind == Kind::kEarliest ? extent->begin : extent->end;
  if (kind == Kind::kTime) {
    const auto at_time = offset_at(client, topic, id.number, options_.start_from.time, limit);
    if (!at_time) return fail(at_time.error());
    offset = at_time->value_or(extent->end);
  }
  beginnings_.emplace(id, offset);
  return std::optional(offset);
}

}  // namespace trailwarden::stream::kafka
