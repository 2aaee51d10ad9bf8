#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "stream/kafka_options.h"

namespace trailwarden::stream {

/// A topic as it should be.
struct TopicSpec {
  std::string name;
  std::int32_t partitions = 1;
  std::int16_t replication = -1;              // copies; -1: as the brokers have it by default, and then any number is right
  std::map<std::string, std::string> config;  // only what matters
  std::int64_t max_message_bytes = 0;         // its messages may be as large, or larger; 0: nobody minds
};

/// What is not as it should be with a topic.
struct TopicDifference {
  std::string topic;
  std::string what;  // "topic", "partitions", "replication", or a name of its configuration
  std::string wanted, found;  // found is empty where there is nothing
  bool operator==(const TopicDifference&) const = default;
};

/// In the order of the specs; empty if all is well. kIo if the cluster does not answer within `limit`, or not to us.
Result<std::vector<TopicDifference>> check_topics(const KafkaConnection& connection, std::span<const TopicSpec> topics,
                                                  std::chrono::milliseconds limit = std::chrono::seconds{15});

/// Makes those that are not there, and returns their names once every broker asked knows them; those that are there are left as they are.
Result<std::vector<std::string>> create_topics(const KafkaConnection& connection, std::span<const TopicSpec> topics,
                                               std::chrono::milliseconds limit = std::chrono::seconds{15});

}  // namespace trailwarden::stream
