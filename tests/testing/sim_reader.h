#pragma once

#include <memory>
#include <optional>

#include "stream/partitioned_log.h"
#include "testing/sim_client.h"

namespace trailwarden::testing {

/// Reads [from, to) of one partition, outside of any group.
class SimReader final : public stream::PartitionReader {
 public:
  SimReader(std::shared_ptr<SimClient> client, SimTopicPartition source, std::uint32_t origin_id, std::int64_t from, std::int64_t to)
      : client_(std::move(client)), source_(std::move(source)), origin_id_(origin_id), next_(from), to_(to) {}

  Result<bool> read(std::chrono::milliseconds wait, stream::MessageBatch& batch) override;

 private:
  Result<bool> read_now(stream::MessageBatch& batch);
  void take(const SimEntry& entry, stream::MessageBatch& batch);
  bool at_end(const SimPartition& log) const;

  std::shared_ptr<SimClient> client_;
  SimTopicPartition source_;
  std::uint32_t origin_id_;
  std::int64_t next_, to_;
};

}  // namespace trailwarden::testing
