#pragma once

#include <chrono>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "stream/kafka_handles.h"
#include "stream/kafka_options.h"
#include "stream/partitioned_log.h"

namespace trailwarden::stream::kafka {

/// Where partitions begin: what the group has committed, else what the options say, else nowhere.
class StartOffsets {
 public:
  explicit StartOffsets(const KafkaLogOptions& options) : options_(options) {}

  /// Asks through a read_committed member of the group. All or nothing.
  Result<std::vector<Assigned>> resolve(rd_kafka_t* client, std::span<const PartitionId> partitions, std::chrono::milliseconds limit);

 private:
  Result<std::optional<std::int64_t>> beginning(rd_kafka_t* client, PartitionId id, std::chrono::milliseconds limit);

  const KafkaLogOptions& options_;
  /// Of partitions without a commit: where they began. A rewind must end there again (the trap of 1.4: their committed offset is -1001, which would ask
  /// auto.offset.reset), and "latest" must not move while nothing is committed.
  std::map<PartitionId, std::int64_t> beginnings_;
};

}  // namespace trailwarden::stream::kafka
