#pragma once

#include <chrono>
#include <map>
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

  /// Everything that was under way before is forgotten: other partitions, or the same from elsewhere.
  void restart() { missing_.clear(); }

  void begin() { filler_.begin(); }
  void take(const rd_kafka_message_t& message, Polled& polled);

  /// Topics of ours that were said not to be there, some time ago: asked again, they are a fault or not.
  void confirm_missing(rd_kafka_t* client, Polled& polled);

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
  std::map<PartitionId, Clock::time_point> missing_;  // said not to be there, since when
};

}  // namespace trailwarden::stream::kafka
