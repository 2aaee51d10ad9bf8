#include "stream/kafka_admin.h"

#include <array>
#include <cstdlib>
#include <thread>

#include <fmt/format.h>

#include "stream/kafka_client.h"
#include "stream/kafka_describe.h"
#include "stream/kafka_query.h"
#include "stream/kafka_settings.h"

namespace trailwarden::stream {
namespace {

using std::chrono::milliseconds;
using NewTopic = kafka::Owned<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using AdminOptions = kafka::Owned<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;
using Client = std::unique_ptr<kafka::Client>;

constexpr milliseconds kPause{50};
constexpr const char* kMaxMessage = "max.message.bytes";
constexpr std::int64_t kUsualMaxMessage = 1'048'588;  // Kafka's default

Result<Client> connect(const KafkaConnection& connection) {
  auto settings = kafka::admin_settings(connection);
  if (!settings) return fail(std::move(settings).error());
  // A producer: the Admin API takes any client, and this one asks nothing of a group.
  return kafka::Client::create(RD_KAFKA_PRODUCER, std::move(*settings), {.token = connection.security.token});
}

struct Shape {
  std::int32_t partitions = 0, replication = 0;
};

Result<Shape> shape_of(rd_kafka_t* client, const std::string& name, milliseconds limit) {
  // Tells a topic that is not there from a cluster that is not there.
  auto count = kafka::count_partitions(client, name, limit);
  if (!count) return fail(std::move(count).error());
  const kafka::Topic topic(rd_kafka_topic_new(client, name.c_str(), nullptr));
  const rd_kafka_metadata_t* taken = nullptr;
  const auto error = rd_kafka_metadata(client, 0, topic.get(), &taken, static_cast<int>(limit.count()));
  const kafka::Metadata metadata(taken);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR || metadata->topic_cnt < 1 || metadata->topics[0].partition_cnt < 1)
    return fail(ErrorCode::kIo, fmt::format("topic {}: {}", name, rd_kafka_err2str(error)));
  return Shape{*count, metadata->topics[0].partitions[0].replica_cnt};
}

Result<void> check(rd_kafka_t* client, const TopicSpec& spec, milliseconds limit, std::vector<TopicDifference>& differences) {
  const auto differ = [&](std::string_view what, std::string wanted, std::string found) {
    if (wanted != found) differences.push_back({spec.name, std::string(what), std::move(wanted), std::move(found)});
  };
  const auto shape = shape_of(client, spec.name, limit);
  if (!shape && shape.error().code == ErrorCode::kNotFound) return differ("topic", fmt::format("{} partitions", spec.partitions), ""), Result<void>{};
  if (!shape) return fail(shape.error());
  differ("partitions", fmt::to_string(spec.partitions), fmt::to_string(shape->partitions));
  if (spec.replication >= 0) differ("replication", fmt::to_string(spec.replication), fmt::to_string(shape->replication));
  if (spec.config.empty() && spec.max_message_bytes == 0) return {};
  const auto config = kafka::describe_topic(client, spec.name, limit);
  if (!config) return fail(config.error());
  for (const auto& [name, wanted] : spec.config) {
    const auto found = config->find(name);
    differ(name, wanted, found == config->end() ? "" : found->second);
  }
  if (const auto found = config->find(kMaxMessage); found != config->end() && std::atoll(found->second.c_str()) < spec.max_message_bytes)
    differ(kMaxMessage, fmt::format("{} or more", spec.max_message_bytes), found->second);
  return {};
}

Result<NewTopic> new_topic(const TopicSpec& spec) {
  std::array<char, 512> problem{};
  NewTopic made(rd_kafka_NewTopic_new(spec.name.c_str(), spec.partitions, spec.replication, problem.data(), problem.size()));
  if (!made) return fail(ErrorCode::kInvalidArgument, fmt::format("topic {}: {}", spec.name, problem.data()));
  for (const auto& [name, value] : spec.config)
    if (rd_kafka_NewTopic_set_config(made.get(), name.c_str(), value.c_str()) != RD_KAFKA_RESP_ERR_NO_ERROR)
      return fail(ErrorCode::kInvalidArgument, fmt::format("topic {}: {} cannot be set", spec.name, name));
  if (spec.max_message_bytes > kUsualMaxMessage) rd_kafka_NewTopic_set_config(made.get(), kMaxMessage, fmt::to_string(spec.max_message_bytes).c_str());
  return made;
}

/// Names of those that were made by it.
Result<std::vector<std::string>> names_made(const rd_kafka_event_t& event) {
  if (const auto code = rd_kafka_event_error(const_cast<rd_kafka_event_t*>(&event)))
    return fail(ErrorCode::kIo, fmt::format("create topics: {}", rd_kafka_err2str(code)));
  std::size_t count = 0;
  const auto* const* const answers = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(const_cast<rd_kafka_event_t*>(&event)), &count);
  std::vector<std::string> made;
  for (std::size_t i = 0; i < count; ++i) {
    const auto code = rd_kafka_topic_result_error(answers[i]);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
    const char* const name = rd_kafka_topic_result_name(answers[i]);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* const why = rd_kafka_topic_result_error_string(answers[i]);
      return fail(ErrorCode::kIo, fmt::format("create topic {}: {}", name, why != nullptr ? why : rd_kafka_err2str(code)));
    }
    made.emplace_back(name);
  }
  return made;
}

/// A topic that was just made is not known to every broker at once.
Result<void> wait_until_known(rd_kafka_t* client, const std::vector<std::string>& names, std::chrono::steady_clock::time_point end) {
  for (const std::string& name : names) {
    while (true) {
      const auto count = kafka::count_partitions(client, name, std::chrono::seconds{1});
      if (count) break;
      if (std::chrono::steady_clock::now() >= end) return fail(count.error());
      std::this_thread::sleep_for(kPause);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<TopicDifference>> check_topics(const KafkaConnection& connection, std::span<const TopicSpec> topics, milliseconds limit) {
  auto client = connect(connection);
  if (!client) return fail(std::move(client).error());
  std::vector<TopicDifference> differences;
  for (const TopicSpec& spec : topics) {
    if (auto checked = check((*client)->get(), spec, limit, differences); !checked) return fail((*client)->explained(std::move(checked).error()));
  }
  return differences;
}

Result<std::vector<std::string>> create_topics(const KafkaConnection& connection, std::span<const TopicSpec> topics, milliseconds limit) {
  if (topics.empty()) return std::vector<std::string>{};
  const auto end = std::chrono::steady_clock::now() + limit;
  auto client = connect(connection);
  if (!client) return fail(std::move(client).error());
  std::vector<NewTopic> wanted;
  std::vector<rd_kafka_NewTopic_t*> handles;
  for (const TopicSpec& spec : topics) {
    auto topic = new_topic(spec);
    if (!topic) return fail(std::move(topic).error());
    handles.push_back(topic->get());
    wanted.push_back(std::move(*topic));
  }
  const AdminOptions options(rd_kafka_AdminOptions_new((*client)->get(), RD_KAFKA_ADMIN_OP_CREATETOPICS));
  std::array<char, 512> problem{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), static_cast<int>(limit.count()), problem.data(), problem.size());
  rd_kafka_AdminOptions_set_operation_timeout(options.get(), static_cast<int>(limit.count()), problem.data(), problem.size());
  const kafka::Queue queue(rd_kafka_queue_new((*client)->get()));
  rd_kafka_CreateTopics((*client)->get(), handles.data(), handles.size(), options.get(), queue.get());
  const kafka::Event event(rd_kafka_queue_poll(queue.get(), static_cast<int>(limit.count()) + 1'000));
  if (!event) return fail((*client)->explained({ErrorCode::kIo, "create topics: no answer"}));
  auto made = names_made(*event);
  if (!made) return fail((*client)->explained(std::move(made).error()));
  if (auto known = wait_until_known((*client)->get(), *made, end); !known) return fail(std::move(known).error());
  return made;
}

}  // namespace trailwarden::stream
