#include "app/topics.h"

#include <algorithm>

#include <fmt/format.h>

#include "app/kafka_setup.h"
#include "app/setup.h"
#include "core/text.h"
#include "stream/kafka_admin.h"
#include "stream/partitioned_log.h"

namespace trailwarden::app {
namespace {

constexpr std::int32_t kDefaultPartitions = 8;
constexpr std::int64_t kBatchOverhead = 128;  // brokers measure the batch that a message travels in; its head has 61 bytes

stream::TopicSpec spec(std::string_view name, std::int32_t partitions, const TopicsArguments& arguments, std::map<std::string, std::string> config) {
  return {.name = std::string(name), .partitions = partitions, .replication = static_cast<std::int16_t>(arguments.replication), .config = std::move(config)};
}

/// Every topic that the service reads or writes, as it should be. The ledger, the state and the ticks go with the input, partition by partition.
std::vector<stream::TopicSpec> specs(const config::ServiceConfig& service, std::int64_t max_message_bytes, std::int32_t partitions, const TopicsArguments& arguments) {
  const config::KafkaConfig& kafka = *service.kafka;
  std::vector<stream::TopicSpec> out;
  for (const config::KafkaInput& input : kafka.input)
    out.push_back(spec(input.topic, partitions, arguments, {{"message.timestamp.type", "LogAppendTime"}, {"unclean.leader.election.enable", "false"}}));
  for (const std::string_view name : output_topics(service)) {
    std::map<std::string, std::string> config{{"unclean.leader.election.enable", "false"}};
    const bool has_one = name == stream::kManifestTopic || name == stream::kDigestsTopic || name == stream::kNotificationsTopic || name == stream::kUndeliveredTopic;  // one order; or read whole
    if (name == stream::kStateTopic || name == stream::kDigestsTopic || name == stream::kNotificationsTopic) config["cleanup.policy"] = "compact";
    // It is read whole at each assignment, and what is sent is deleted soon: so it is cleaned often, in small segments.
    if (name == stream::kNotificationsTopic) config.insert({{"segment.bytes", "67108864"}, {"segment.ms", "3600000"}, {"min.cleanable.dirty.ratio", "0.1"}});
    if (name == stream::kTicksTopic || (name == stream::kAlertsTopic && service.roles.archiver)) config["message.timestamp.type"] = "LogAppendTime";
    out.push_back(spec(stream::topic_name(name, kafka.topic_prefix), has_one ? 1 : partitions, arguments, std::move(config)));
    out.back().max_message_bytes = max_message_bytes + kBatchOverhead;
  }
  return out;
}

struct Plan {
  stream::KafkaConnection connection;
  std::vector<stream::TopicSpec> topics;
};

/// As many partitions as an input topic that is there already has.
Result<Plan> plan(const TopicsArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return fail(setup.error());
  const auto& kafka = setup->config.service.kafka;
  if (!kafka) return fail(ErrorCode::kInvalidArgument, "this needs a configuration with `kafka:` (-c FILE)");
  auto connection = kafka_connection(setup->config);
  if (!connection) return fail(std::move(connection).error());
  std::int32_t partitions = arguments.partitions;
  if (partitions == 0) {
    const std::vector<stream::TopicSpec> probe{{.name = kafka->input.front().topic, .partitions = -1}};
    const auto found = stream::check_topics(*connection, probe);
    if (!found) return fail(found.error());
    partitions = kDefaultPartitions;
    for (const stream::TopicDifference& difference : *found)
      if (difference.what == "partitions") partitions = std::atoi(difference.found.c_str());
  }
  return Plan{std::move(*connection), specs(setup->config.service, static_cast<std::int64_t>(setup->config.output.max_message_bytes), partitions, arguments)};
}

}  // namespace

int create_topics(const TopicsArguments& arguments) {
  const auto planned = plan(arguments);
  if (!planned) return complain(planned.error(), exit_code_of(planned.error()));
  const auto made = stream::create_topics(planned->connection, planned->topics);
  if (!made) return complain(made.error(), kFailed);
  for (const stream::TopicSpec& topic : planned->topics) {
    const bool is_new = std::find(made->begin(), made->end(), topic.name) != made->end();
    fmt::print("{:<28} {}\n", printable(topic.name), is_new ? fmt::format("made, {} partitions", topic.partitions) : "was there");
  }
  return kFine;
}

int check_topics(const TopicsArguments& arguments) {
  const auto planned = plan(arguments);
  if (!planned) return complain(planned.error(), exit_code_of(planned.error()));
  const auto differences = stream::check_topics(planned->connection, planned->topics);
  if (!differences) return complain(differences.error(), kFailed);
  for (const stream::TopicDifference& difference : *differences)
    fmt::print("{}: {}: should be {}, is {}\n", printable(difference.topic), difference.what, difference.wanted, difference.found.empty() ? "not there" : difference.found);
  if (differences->empty()) fmt::print("all {} topics are as they should be\n", planned->topics.size());
  return differences->empty() ? kFine : kFailed;
}

}  // namespace trailwarden::app
