#pragma once

#include <chrono>
#include <string>

#include "core/result.h"
#include "core/time.h"
#include "stream/kafka_handles.h"
#include "stream/partitioned_log.h"

/// Questions to the cluster through any client. Each takes at most about `limit` and is asked again within it while the error is one that passes.
/// kNotFound: there is no such topic or partition. kIo: no answer.
namespace trailwarden::stream::kafka {

/// Whether asking again can help.
bool passes(rd_kafka_resp_err_t error);
/// Whether it says that something is not there.
bool says_not_there(rd_kafka_resp_err_t error);

Result<std::int32_t> count_partitions(rd_kafka_t* client, const std::string& topic, std::chrono::milliseconds limit);

/// End: the last stable offset if the client is read_committed.
Result<Extent> query_extent(rd_kafka_t* client, const std::string& topic, std::int32_t partition, std::chrono::milliseconds limit);

/// The first record not older than `time`; none: there is none.
Result<std::optional<std::int64_t>> offset_at(rd_kafka_t* client, const std::string& topic, std::int32_t partition, AppendTime time,
                                              std::chrono::milliseconds limit);

/// Fills in what the group has committed: offset (RD_KAFKA_OFFSET_INVALID: nothing) and metadata. Of a read_committed client: after the end of all
/// transactions that hold offsets of theirs.
Result<void> fetch_committed(rd_kafka_t* client, PartitionList& partitions, std::chrono::milliseconds limit);

/// Any broker answers.
bool cluster_answers(rd_kafka_t* client, std::chrono::milliseconds limit);

/// Whether the topic is compacted, as the brokers say.
Result<bool> is_compacted(rd_kafka_t* client, const std::string& topic, std::chrono::milliseconds limit);

}  // namespace trailwarden::stream::kafka
