#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/result.h"
#include "stream/partitioned_log.h"

namespace trailwarden::pipeline {

/// What the ledger says of one input partition.
struct AuditedPartition {
  std::string topic;
  std::int32_t partition = 0;
  std::uint64_t commits = 0, accepted_gaps = 0;
  std::int64_t from = 0, to = 0;
  std::uint64_t read = 0, judged = 0, duplicate = 0, refused = 0, skipped = 0, alerts = 0;
  std::int64_t newest_state = -1;  // offset of the newest snapshot; -1: none
};

struct AuditReport {
  std::vector<AuditedPartition> partitions;  // by topic and number
  std::uint64_t alerts = 0;                  // visible, of this group
  std::map<std::string, std::uint64_t> foreign;  // alerts and ledger records of other groups in these topics, by group: passed over
  std::uint64_t of_trails = 0;               // alerts that the digest writer committed, about trails themselves: no ledger has them
  std::uint64_t unchecked = 0;               // alerts or commits whose other half is older than what the topics still hold
  std::vector<std::string> problems;         // what does not hold, where; at most kMostProblems
  static constexpr std::size_t kMostProblems = 100;
  std::uint64_t problem_count = 0;
};

/// Holds what is visible against the ledger, as any reader of the topics may: for every input partition the ranges follow one another without gap or
/// overlap; counts add up; watermarks and snapshots never go back; every commit's alerts are there, as many and with the ids that it says, and no alert is
/// there that no commit says; no alert id is there twice.
///
/// Only of the group that `topics` is of. Reads the ledger and the alerts from their beginnings, read_committed. Memory: some 100 bytes an alert and a commit with alerts. An error: a topic cannot be read.
Result<AuditReport> audit(stream::Topics& topics);

}  // namespace trailwarden::pipeline
