#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"
#include "stream/partitioned_log.h"

namespace trailwarden::testing {

struct SimTopicPartition {
  std::string topic;
  std::int32_t number = 0;
  auto operator<=>(const SimTopicPartition&) const = default;
};
std::string to_string(const SimTopicPartition& partition);

struct SimProducer {
  std::int64_t id = 0;
  std::int32_t epoch = 0;
  auto operator<=>(const SimProducer&) const = default;
};
std::string to_string(SimProducer producer);

/// What a record carries. Immutable and shared, because messages handed out point into it.
class SimPayload {
 public:
  /// A null value if there is none.
  SimPayload(std::string_view topic, std::string key, std::optional<std::string> value, std::vector<std::pair<std::string, std::string>> headers = {});

  std::string_view topic() const { return topic_; }
  std::string_view key() const { return key_; }
  /// 64 readable bytes follow.
  std::string_view value() const { return std::string_view(padded_value_).substr(0, value_size_); }
  bool has_value() const { return has_value_; }
  const std::vector<std::pair<std::string, std::string>>& headers() const { return headers_; }

 private:
  std::string topic_, key_, padded_value_;
  std::size_t value_size_;
  bool has_value_;
  std::vector<std::pair<std::string, std::string>> headers_;
};

/// One offset of a partition that holds something.
struct SimEntry {
  enum class Fate : std::uint8_t { kVisible, kPending, kAborted, kCommitMarker, kAbortMarker };
  std::int64_t offset = 0;
  AppendTime append_time;
  Fate fate = Fate::kVisible;
  std::int64_t producer_id = 0;               // 0: written outside of transactions
  std::shared_ptr<const SimPayload> payload;  // none: a marker
};

/// One partition: what `isolation.level=read_committed` sees, markers that take offsets, compaction, deletion.
class SimPartition {
 public:
  /// Gives the record's offset. With a producer: part of its open transaction.
  std::int64_t append(AppendTime now, std::shared_ptr<const SimPayload> payload, std::optional<SimProducer> producer = {});
  /// Writes the marker that decides what the producer has pending here.
  void end_transaction(AppendTime now, SimProducer producer, bool commit);
  void skip_offsets(std::int64_t count) { end_ += count; }

  void delete_before(std::int64_t offset);
  /// Keeps the newest record of each key among those before `up_to`, forgets aborted ones, and tombstones appended before `tombstones_before`.
  /// Never reaches beyond the last stable offset, as Kafka's cleaner does not.
  void compact(std::int64_t up_to, AppendTime tombstones_before);

  std::int64_t log_start() const { return log_start_; }
  std::int64_t high_watermark() const { return end_; }
  std::int64_t last_stable_offset() const { return pending_from_.empty() ? end_ : oldest_pending(); }
  /// First visible entry at `offset` or after, before the last stable offset; null if there is none. `dirty`: any record at all.
  const SimEntry* visible_from(std::int64_t offset, bool dirty = false) const;
  const std::vector<SimEntry>& entries() const { return entries_; }

 private:
  std::int64_t oldest_pending() const;

  std::vector<SimEntry> entries_;                      // ascending offsets, with gaps
  std::map<std::int64_t, std::int64_t> pending_from_;  // producer id -> first offset of its open transaction
  std::int64_t log_start_ = 0, end_ = 0;
};

struct SimTopic {
  bool compacted = false;
  std::vector<SimPartition> partitions;
};

/// All topics of a broker, by name.
class SimTopics {
 public:
  void create(std::string_view name, std::int32_t partitions, bool compacted);
  void erase(std::string_view name) { topics_.erase(topics_.find(name)); }
  SimTopic* find(std::string_view name);
  SimPartition* find(const SimTopicPartition& partition);
  std::map<std::string, SimTopic, std::less<>>& all() { return topics_; }

 private:
  std::map<std::string, SimTopic, std::less<>> topics_;
};

/// The entry as a message that points into its payload.
stream::Message message_of(const SimEntry& entry, std::int32_t partition, std::uint32_t origin_id);

}  // namespace trailwarden::testing
