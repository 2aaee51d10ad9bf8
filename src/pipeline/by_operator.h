#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "core/result.h"
#include "pipeline/partition.h"
#include "stream/partitioned_log.h"

namespace trailwarden::pipeline {

/// An operator accepts that what a partition holds before `to` and cannot be read any more is lost: its committed offset moves there, and the ledger says so. The
/// state stays what it is; whatever of the range can still be read is judged, silently, when the partition is next restored.
///
/// Joins the group for a moment, so it works best while the service is stopped. kInvalidArgument if `to` is not ahead of the committed offset; kNotFound if the
/// partition is not given to us within `patience`.
Result<void> accept_gap(stream::PartitionedLog& log, stream::PartitionId partition, std::int64_t to, std::chrono::milliseconds patience);

/// An operator takes the message at `offset`, not judged yet, out of the way: it goes to the dead letters with the reason `skipped_by_operator` when its turn comes, in
/// every later replay too. For a message that crashes the process each time. Nothing else changes.
///
/// Joins the group as `accept_gap` does. kInvalidArgument if the message is judged already, or Checkpoint::kMostSkips are skipped in that partition.
Result<void> skip_message(stream::PartitionedLog& log, stream::PartitionId partition, std::int64_t offset, std::chrono::milliseconds patience);

/// An operator changes the state of a service that is not running: `change` gets it as of the committed offset, and says whether it changed anything. Then it is saved whole,
/// in one commit that says so in the ledger, and older snapshots are forgotten. `config`: the settings' fingerprint.
///
/// For a log with one partition, which is the embedded one: what is large does not fit a transaction on Kafka, where `WorkerOptions::bring` does it partition by partition.
Result<void> change_state(stream::PartitionedLog& log, const PartitionSettings& settings, const std::string& config, const std::function<Result<bool>(Partition&)>& change,
                          std::chrono::milliseconds patience);

}  // namespace trailwarden::pipeline
