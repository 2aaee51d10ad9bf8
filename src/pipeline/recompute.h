#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"
#include "pipeline/partition.h"
#include "stream/partitioned_log.h"

namespace trailwarden::pipeline {

struct RecomputeReport {
  std::uint64_t commits = 0, messages = 0, alerts = 0, states = 0;  // compared
  std::uint64_t not_compared = 0;  // commits that go on from a state that was brought in from outside
  std::uint64_t problem_count = 0;
  std::vector<std::string> problems;  // the first kMostProblems
  static constexpr std::size_t kMostProblems = 100;
};

/// Judges the whole input once more, one partition after another, undisturbed, with the ticks that the ledger has, and holds every commit against it: as many
/// alerts, with those ids, and the same saved states, bit for bit. The proof that recoveries left no trace.
///
/// Where a state was brought in from outside (`run --state`, `state import`, `state forget`), the partition's part ends: the input does not lead there.
/// Needs the input from where the ledger begins, and the configuration that it was written with (`config`, its fingerprint): kNotFound, kInvalidArgument.
Result<RecomputeReport> recompute(stream::Topics& topics, const PartitionSettings& settings, const std::string& config);

}  // namespace trailwarden::pipeline
