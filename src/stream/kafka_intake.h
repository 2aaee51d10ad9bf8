#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "stream/kafka_batch_filler.h"
#include "stream/kafka_handles.h"
#include "stream/kafka_options.h"
#include "stream/kafka_partition_table.h"
#include "stream/kafka_trouble.h"
#include "stream/partitioned_log.h"

namespace trailwarden::stream::kafka {

/// What the consumer hands out, told in the words of `Polled`.
class Intake {
 public:
  Intake(const KafkaLogOptions& options, PartitionTable& table, Trouble& trouble) : options_(options), table_(table), trouble_(trouble) {}

  /// How many partitions the ticks topic has: input partition n lives on its partition n modulo this. 0: no ticks.
  void set_tick_partitions(std::int32_t count) { tick_partitions_ = count; }

  void begin() { filler_.begin(); }
  void take(const rd_kafka_message_t& message, Polled& polled);

  /// Somebody said that a topic is not there.
  void doubt_topics();
  /// Asks again some time after that: partitions that are gone are a fault. (Mostly the group takes them away before.)
  void confirm_topics(rd_kafka_t* client, Polled& polled);

 private:
  using Clock = std::chrono::steady_clock;

  std::optional<PartitionId> input_partition(const rd_kafka_message_t& message) const;
  bool is_tick(const rd_kafka_message_t& message) const;
  void take_message(const rd_kafka_message_t& message, Polled& polled);
  void take_tick(const rd_kafka_message_t& message, Polled& polled);
  void take_error(const rd_kafka_message_t& message, Polled& polled);

  const KafkaLogOptions& options_;
  PartitionTable& table_;
  Trouble& trouble_;
  BatchFiller filler_;
  std::int32_t tick_partitions_ = 0;
  std::optional<Clock::time_point> doubted_since_;
};

}  // namespace trailwarden::stream::kafka
