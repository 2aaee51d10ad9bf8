#include "stream/kafka_consumer.h"

#include <algorithm>

#include <fmt/format.h>

#include "stream/kafka_query.h"
#include "stream/kafka_settings.h"

namespace trailwarden::stream::kafka {
namespace {

using std::chrono::milliseconds;

std::string identity_of(const rd_kafka_consumer_group_metadata_t& metadata) {
  void* bytes = nullptr;
  std::size_t size = 0;
  if (outcome(rd_kafka_consumer_group_metadata_write(&metadata, &bytes, &size))) return {};
  std::string identity(static_cast<const char*>(bytes), size);
  rd_kafka_mem_free(nullptr, bytes);
  return identity;
}

void free_text(char* text) { rd_kafka_mem_free(nullptr, text); }

PartitionList one(const std::string& topic, std::int32_t partition) {
  PartitionList list = make_list(1);
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  return list;
}

}  // namespace

Result<std::unique_ptr<GroupConsumer>> GroupConsumer::create(const KafkaLogOptions& options, Trouble& trouble) {
  auto settings = member_settings(options);
  if (!settings) return fail(std::move(settings).error());
  std::unique_ptr<GroupConsumer> consumer(new GroupConsumer(options, trouble));
  auto client = Client::create(RD_KAFKA_CONSUMER, std::move(*settings), consumer->callbacks());
  if (!client) return fail(std::move(client).error());
  consumer->client_ = std::move(*client);
  // Errors and statistics come with the messages.
  rd_kafka_poll_set_consumer(consumer->client());
  consumer->queue_.reset(rd_kafka_queue_get_consumer(consumer->client()));
  return consumer;
}

GroupConsumer::~GroupConsumer() {
  const std::lock_guard lock(queue_mutex_);
  queue_.reset();
}

Callbacks GroupConsumer::callbacks() {
  return {.error = [this](rd_kafka_resp_err_t code, std::string_view text) {
            if (says_not_there(code)) misses_topic_ = true;
            else if (code != RD_KAFKA_RESP_ERR__FATAL) trouble_.say("brokers", std::string(text));
          },
          .statistics = options_.connection.on_statistics,
          .delivered = {},
          .rebalance = [this](rd_kafka_resp_err_t what, const rd_kafka_topic_partition_list_t& partitions) { note(what, partitions); },
          .token = options_.connection.security.token};
}

void GroupConsumer::note(rd_kafka_resp_err_t what, const rd_kafka_topic_partition_list_t& partitions) {
  if (closing_) {
    rd_kafka_assign(client(), nullptr);
    return;
  }
  Rebalance& rebalance = noted_.emplace();
  rebalance.taken = what != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
  for (const auto& each : entries(partitions)) {
    const auto topic = std::ranges::find(options_.inputs, each.topic);
    if (topic == options_.inputs.end()) continue;
    rebalance.partitions.push_back({static_cast<std::uint32_t>(topic - options_.inputs.begin()), each.partition});
  }
  rd_kafka_yield(client());
}

Result<void> GroupConsumer::subscribe() {
  const PartitionList topics = make_list(options_.inputs.size());
  for (const std::string& topic : options_.inputs) rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  const auto error = rd_kafka_subscribe(client(), topics.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(ErrorCode::kInvalidArgument, fmt::format("subscribe: {}", rd_kafka_err2str(error)));
  return {};
}

MessageHandle GroupConsumer::poll(milliseconds wait) {
  return MessageHandle(rd_kafka_consumer_poll(client(), static_cast<int>(wait.count())));
}

std::optional<GroupConsumer::Rebalance> GroupConsumer::rebalance() {
  if (!noted_) return std::nullopt;
  noted_->lost = noted_->taken && rd_kafka_assignment_lost(client()) != 0;
  return std::exchange(noted_, std::nullopt);
}

Result<void> GroupConsumer::assign(std::span<const Begin> begins) {
  const PartitionList all = make_list(begins.size()), waiting = make_list(begins.size());
  for (const Begin& begin : begins) {
    rd_kafka_topic_partition_list_add(all.get(), begin.topic.c_str(), begin.partition)->offset = begin.offset;
    if (begin.paused) rd_kafka_topic_partition_list_add(waiting.get(), begin.topic.c_str(), begin.partition);
  }
  auto error = rd_kafka_assign(client(), all.get());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR && waiting->cnt > 0) error = rd_kafka_pause_partitions(client(), waiting.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(ErrorCode::kIo, fmt::format("assign: {}", rd_kafka_err2str(error)));
  return {};
}

Result<void> GroupConsumer::unassign() {
  const auto error = rd_kafka_assign(client(), nullptr);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(ErrorCode::kIo, fmt::format("unassign: {}", rd_kafka_err2str(error)));
  return {};
}

void GroupConsumer::resume(const std::string& topic, std::int32_t partition) { rd_kafka_resume_partitions(client(), one(topic, partition).get()); }

void GroupConsumer::pause(const std::string& topic, std::int32_t partition) { rd_kafka_pause_partitions(client(), one(topic, partition).get()); }

GroupConsumer::Membership GroupConsumer::membership() const {
  Membership membership{GroupMetadata(rd_kafka_consumer_group_metadata(client())), {}};
  // Thrown out, the library forgets its id, and the coordinator takes offsets of nobody from anybody (1.6).
  const Owned<char, free_text> id(rd_kafka_memberid(client()));
  if (membership.metadata && id && *id != '\0') membership.identity = identity_of(*membership.metadata);
  return membership;
}

void GroupConsumer::close(milliseconds limit) {
  closing_ = true;
  {
    const std::lock_guard lock(queue_mutex_);
    queue_.reset();  // the library wants no other owner of it now
  }
  if (noted_) rd_kafka_assign(client(), nullptr);  // what it waits for before it leaves
  const Queue queue(rd_kafka_queue_new(client()));
  if (outcome(rd_kafka_consumer_close_queue(client(), queue.get()))) return;
  const auto end = std::chrono::steady_clock::now() + limit;
  while (rd_kafka_consumer_closed(client()) == 0 && std::chrono::steady_clock::now() < end) {
    const Event event(rd_kafka_queue_poll(queue.get(), 50));
    if (event && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) rd_kafka_assign(client(), nullptr);
  }
}

void GroupConsumer::wake() {
  const std::lock_guard lock(queue_mutex_);
  if (queue_) rd_kafka_queue_yield(queue_.get());
}

}  // namespace trailwarden::stream::kafka
