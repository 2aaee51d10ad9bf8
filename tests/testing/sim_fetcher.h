#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "stream/partitioned_log.h"
#include "testing/sim_client.h"

namespace trailwarden::testing {

/// The partitions that a client reads, and how far it got with each.
class SimFetcher {
 public:
  SimFetcher(SimClient& client, std::string ticks_topic, std::size_t messages_at_most)
      : client_(client), ticks_topic_(std::move(ticks_topic)), messages_at_most_(messages_at_most) {}

  /// Ours from now on, not started. Ticks count from now.
  void assign(stream::PartitionId id, SimTopicPartition source, std::optional<std::int64_t> next_offset);
  void rewind(stream::PartitionId id, std::optional<std::int64_t> next_offset);
  void start(stream::PartitionId id);
  void stop(stream::PartitionId id);
  /// Nothing comes of any partition before it is rewound.
  void stop_all();
  void clear() { partitions_.clear(); }

  /// Whether anything may come at all.
  bool is_started() const;
  /// What there is for started partitions, now.
  void fetch(stream::Polled& polled);

  bool holds(stream::PartitionId id) const { return partitions_.contains(id); }
  std::vector<stream::PartitionId> ids() const;
  std::optional<stream::Extent> extent(stream::PartitionId id) const;

 private:
  enum class State : std::uint8_t { kReady, kStarted, kStopped };
  struct Partition {
    SimTopicPartition source;
    State state = State::kReady;
    std::optional<std::int64_t> begin;      // none: nobody said where
    std::int64_t started_at = 0, next = 0;  // once started
    std::optional<std::int64_t> told_end;
    std::int64_t ticks_from = 0;
    std::optional<stream::Extent> extent;
  };

  std::vector<stream::PartitionId> order();
  void fetch_from(stream::PartitionId id, Partition& partition, stream::Polled& polled);
  bool is_in_range(stream::PartitionId id, Partition& partition, const SimPartition* log, stream::Polled& polled);
  void slip_back(Partition& partition);
  std::size_t allowed(const stream::Polled& polled);
  void tell_end(stream::PartitionId id, Partition& partition, std::int64_t end, stream::Polled& polled);
  void fetch_ticks(stream::PartitionId id, Partition& partition, stream::Polled& polled);

  SimClient& client_;
  std::string ticks_topic_;
  std::size_t messages_at_most_;
  std::map<stream::PartitionId, Partition> partitions_;
};

}  // namespace trailwarden::testing
