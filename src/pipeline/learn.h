#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/result.h"
#include "pipeline/partition.h"
#include "pipeline/state_file.h"
#include "pipeline/totals.h"
#include "stream/partitioned_log.h"

namespace trailwarden::pipeline {

/// What was learned from a log.
struct LearnedFromLog {
  SavedCells cells;
  Totals totals;
  std::int32_t partitions = 0;
};

/// Who watches.
struct LearnObserver {
  std::function<bool(const Totals& so_far)> go_on;  // false: it ends, with an error
  std::function<void(const Cell&)> cell;            // each, once its partition is done
};

/// Judges what an input topic still holds, one partition after another, as a service does, from records appended at `from` on; says nothing, commits nothing, joins no group. Minutes
/// that are open in the end stay open. kInvalidArgument if a cell is in two partitions.
Result<LearnedFromLog> learn(stream::Topics& topics, const std::string& topic, const PartitionSettings& settings, std::optional<AppendTime> from, const LearnObserver& observer);

}  // namespace trailwarden::pipeline
