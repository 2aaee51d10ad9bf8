#include "stream/kafka_query.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "stream/kafka_describe.h"

namespace trailwarden::stream::kafka {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kPause{50};
constexpr milliseconds kOneTry{5'000};

int left(Clock::time_point end) {
  const auto rest = std::chrono::duration_cast<milliseconds>(end - Clock::now());
  return static_cast<int>(std::clamp(rest, milliseconds{1}, kOneTry).count());
}

/// Asks until it is answered for good: `ask` takes a time limit in milliseconds and gives an error code.
template <class Ask>
Result<void> patiently(milliseconds limit, const std::string& what, Ask ask) {
  const auto end = Clock::now() + limit;
  while (true) {
    const rd_kafka_resp_err_t error = ask(left(end));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    if (!passes(error) || Clock::now() + kPause >= end)
      return fail(says_not_there(error) ? ErrorCode::kNotFound : ErrorCode::kIo, fmt::format("{}: {}", what, rd_kafka_err2str(error)));
    std::this_thread::sleep_for(kPause);
  }
}

rd_kafka_resp_err_t first_error(const rd_kafka_topic_partition_list_t& partitions) {
  for (const auto& each : entries(partitions))
    if (each.err != RD_KAFKA_RESP_ERR_NO_ERROR) return each.err;
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t ask_metadata(rd_kafka_t* client, const std::string& topic, int limit_ms, std::int32_t& count) {
  const Topic handle(rd_kafka_topic_new(client, topic.c_str(), nullptr));
  if (!handle) return rd_kafka_last_error();
  const rd_kafka_metadata_t* taken = nullptr;
  if (const auto error = rd_kafka_metadata(client, 0, handle.get(), &taken, limit_ms); error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
  const Metadata metadata(taken);
  if (metadata->topic_cnt < 1) return RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
  count = metadata->topics[0].partition_cnt;
  return metadata->topics[0].err;
}

}  // namespace

bool says_not_there(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

bool passes(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__RETRY:
    case RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH: return true;
    default: return false;
  }
}

Result<std::int32_t> count_partitions(rd_kafka_t* client, const std::string& topic, milliseconds limit) {
  std::int32_t count = 0;
  auto asked = patiently(limit, fmt::format("partitions of {}", topic), [&](int limit_ms) { return ask_metadata(client, topic, limit_ms, count); });
  if (!asked) return fail(std::move(asked).error());
  return count;
}

Result<Extent> query_extent(rd_kafka_t* client, const std::string& topic, std::int32_t partition, milliseconds limit) {
  Extent extent;
  auto asked = patiently(limit, fmt::format("ends of {}/{}", topic, partition), [&](int limit_ms) {
    return rd_kafka_query_watermark_offsets(client, topic.c_str(), partition, &extent.begin, &extent.end, limit_ms);
  });
  if (!asked) return fail(std::move(asked).error());
  return extent;
}

Result<std::optional<std::int64_t>> offset_at(rd_kafka_t* client, const std::string& topic, std::int32_t partition, AppendTime time, milliseconds limit) {
  const PartitionList list = make_list(1);
  auto asked = patiently(limit, fmt::format("offset of {}/{} by time", topic, partition), [&](int limit_ms) {
    rd_kafka_topic_partition_list_del(list.get(), topic.c_str(), partition);
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = time.time_since_epoch().count();
    const auto error = rd_kafka_offsets_for_times(client, list.get(), limit_ms);
    return error != RD_KAFKA_RESP_ERR_NO_ERROR ? error : first_error(*list);
  });
  if (!asked) return fail(std::move(asked).error());
  const std::int64_t offset = list->elems[0].offset;
  return offset >= 0 ? std::optional(offset) : std::nullopt;
}

Result<void> fetch_committed(rd_kafka_t* client, PartitionList& partitions, milliseconds limit) {
  return patiently(limit, "committed offsets", [&](int limit_ms) {
    const auto error = rd_kafka_committed(client, partitions.get(), limit_ms);
    return error != RD_KAFKA_RESP_ERR_NO_ERROR ? error : first_error(*partitions);
  });
}

bool cluster_answers(rd_kafka_t* client, milliseconds limit) {
  const rd_kafka_metadata_t* taken = nullptr;
  const auto error = rd_kafka_metadata(client, 0, nullptr, &taken, static_cast<int>(limit.count()));
  const Metadata metadata(taken);
  return error == RD_KAFKA_RESP_ERR_NO_ERROR;
}

Result<bool> is_compacted(rd_kafka_t* client, const std::string& topic, milliseconds limit) {
  const auto config = describe_topic(client, topic, limit);
  if (!config) return fail(config.error());
  const auto policy = config->find("cleanup.policy");
  return policy != config->end() && policy->second.find("compact") != std::string::npos;
}

}  // namespace trailwarden::stream::kafka
