#include "stream/kafka_intake.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/log.h"
#include "stream/kafka_query.h"

namespace trailwarden::stream::kafka {
namespace {

using namespace std::chrono_literals;

// The metadata of a topic may be old, or of a broker that has not heard of it yet.
constexpr auto kDoubt = 3s;
constexpr auto kAsk = 1s;

std::string_view topic_of(const rd_kafka_message_t& message) { return message.rkt == nullptr ? "" : rd_kafka_topic_name(message.rkt); }

}  // namespace

std::optional<PartitionId> Intake::input_partition(const rd_kafka_message_t& message) const {
  const auto topic = std::ranges::find(options_.inputs, topic_of(message));
  if (topic == options_.inputs.end() || message.partition < 0) return std::nullopt;
  return PartitionId{static_cast<std::uint32_t>(topic - options_.inputs.begin()), message.partition};
}

bool Intake::is_tick(const rd_kafka_message_t& message) const { return !options_.ticks_topic.empty() && topic_of(message) == options_.ticks_topic; }

void Intake::take(const rd_kafka_message_t& message, Polled& polled) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) return take_error(message, polled);
  trouble_.heal("consumer");
  if (is_tick(message)) return take_tick(message, polled);
  take_message(message, polled);
}

void Intake::take_message(const rd_kafka_message_t& message, Polled& polled) {
  const auto id = input_partition(message);
  if (!id || !table_.flows(*id)) return;
  table_.moved(*id);
  Message& taken = filler_.add(message, false, polled.batch);
  taken.origin = options_.inputs[id->topic];
  taken.origin_id = id->topic;
}

void Intake::take_tick(const rd_kafka_message_t& message, Polled& polled) {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t time = rd_kafka_message_timestamp(&message, &type);
  if (type != RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME || tick_partitions_ < 1) return;  // only the log's own clock is worth telling
  for (const PartitionId id : table_.ids())
    if (id.number % tick_partitions_ == message.partition) polled.ticks.push_back({id, AppendTime{std::chrono::milliseconds{time}}});
}

void Intake::take_error(const rd_kafka_message_t& message, Polled& polled) {
  const auto id = input_partition(message);
  const bool flows = id && table_.flows(*id);
  const auto fault = [&](const char* reason) {
    if (flows) polled.faults.push_back({*id, reason, rd_kafka_message_errstr(&message)});
  };
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      trouble_.heal("consumer");
      if (!flows) return;
      table_.reached_end(*id, message.offset);
      polled.caught_up.push_back({*id, message.offset});
      return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: return fault("offset_out_of_range");
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION: return fault("damaged");
    case RD_KAFKA_RESP_ERR__FATAL: return;  // asked for by itself
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED: return log::warn("kafka.polled_too_late", {{"detail", rd_kafka_message_errstr(&message)}});
    default: break;
  }
  if (says_not_there(message.err)) doubt_topics();
  trouble_.say("consumer", rd_kafka_message_errstr(&message));
}

void Intake::doubt_topics() {
  if (!doubted_since_) doubted_since_ = Clock::now();
}

void Intake::confirm_topics(rd_kafka_t* client, Polled& polled) {
  if (!doubted_since_ || Clock::now() - *doubted_since_ < kDoubt) return;
  doubted_since_.reset();
  for (std::uint32_t topic = 0; topic < options_.inputs.size(); ++topic) {
    const auto count = count_partitions(client, options_.inputs[topic], kAsk);
    if (!count && count.error().code != ErrorCode::kNotFound) return doubt_topics();
    for (const PartitionId id : table_.ids())
      if (id.topic == topic && id.number >= count.value_or(0) && table_.flows(id))
        polled.faults.push_back({id, "topic_deleted", fmt::format("{} has no partition {} any more", options_.inputs[topic], id.number)});
  }
}

}  // namespace trailwarden::stream::kafka
