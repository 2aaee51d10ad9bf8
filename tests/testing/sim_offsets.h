#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "testing/sim_topic.h"
#include "testing/sim_world.h"

namespace trailwarden::testing {

struct SimCommitted {
  std::int64_t next_offset = 0;
  std::string metadata;
  bool operator==(const SimCommitted&) const = default;
};
using SimProgress = std::map<SimTopicPartition, SimCommitted>;

/// What groups have committed, and what open transactions are about to make of it.
class SimOffsets {
 public:
  explicit SimOffsets(SimWorld& world) : world_(world) {}

  /// Part of the producer's transaction from now on, seen when that is committed.
  void stage(const std::string& group, SimProducer producer, const SimProgress& progress);
  void end_transaction(const std::string& group, SimProducer producer, bool commit);

  /// kUnstableOffset while a transaction has something staged for it; none if nothing was ever committed.
  SimError fetch(const std::string& group, const SimTopicPartition& partition, std::optional<SimCommitted>& committed) const;
  /// What is committed now, whatever is staged.
  std::optional<SimCommitted> committed(const std::string& group, const SimTopicPartition& partition) const;
  /// The smallest offset that a group has committed for the partition; none if no group has.
  std::optional<std::int64_t> smallest(const SimTopicPartition& partition) const;

  /// Outside of any transaction, as an administrator does it; none: forgets it.
  void set(const std::string& group, const SimTopicPartition& partition, std::optional<std::int64_t> next_offset);

 private:
  void apply(const std::string& group, const SimProgress& progress);

  SimWorld& world_;
  std::map<std::string, SimProgress> committed_;                              // by group
  std::map<std::pair<std::string, std::int64_t>, SimProgress> staged_;        // by group and producer id
};

}  // namespace trailwarden::testing
