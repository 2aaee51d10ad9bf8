#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "stream/partitioned_log.h"

namespace trailwarden::stream::kafka {

/// Our own books of what is paused. librdkafka 2.0.2 rewinds a partition that is resumed without being paused (R1: 28 times the messages), and throws
/// away what was fetched at each pause (R3). So each is done exactly once between two assignments, and every assignment forgets the one before.
class PartitionTable {
 public:
  /// Replaces everything: these, all of them paused; those without an offset cannot be started.
  void assign(std::span<const Assigned> partitions);
  void clear() { entries_.clear(); }

  bool holds(PartitionId id) const { return entries_.contains(id); }
  bool flows(PartitionId id) const;
  std::vector<PartitionId> ids() const;

  /// Once after each `assign`: whoever calls resumes the partition.
  void start(PartitionId id);
  /// True if it flowed: whoever calls pauses the partition. It does not flow again before the next `assign`.
  bool stop(PartitionId id);

  /// Its end was reached at `offset`, or a message came.
  void reached_end(PartitionId id, std::int64_t offset);
  void moved(PartitionId id);
  /// Where its end is, while it is there.
  std::optional<std::int64_t> end(PartitionId id) const;

 private:
  enum class State : std::uint8_t { kUnreadable, kPaused, kFlowing, kStopped };
  struct Entry {
    State state = State::kPaused;
    std::optional<std::int64_t> end;
  };

  std::map<PartitionId, Entry> entries_;
};

}  // namespace trailwarden::stream::kafka
