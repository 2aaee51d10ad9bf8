#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "stream/kafka_batch_filler.h"
#include "stream/kafka_client.h"
#include "stream/partitioned_log.h"

namespace trailwarden::stream::kafka {

/// Reads a range of one partition with a consumer of its own: no group, no commits.
///
/// The end is reached when a message stands at it or behind it, or when the library says so: the last offsets of a range may belong to aborted
/// transactions and to the marks that end transactions, which are never handed out.
///
/// Whoever reads to the end reads what was committed before: a commit is answered when the coordinator has noted it, and the marks that make it visible
/// come to each partition some milliseconds later. So the end as of now is the high watermark, and open transactions are waited for, up to a second.
class Reader final : public PartitionReader {
 public:
  struct Range {
    std::string topic;
    std::int32_t partition = 0;
    std::int64_t from = 0;
    std::optional<std::int64_t> to;  // none: the end as of opening
    std::uint32_t origin_id = 0;     // `Message::origin_id`
  };

  /// kNotFound: no such topic, or `from` is before its beginning (of a topic that is not compacted), or `to` behind its end for long.
  static Result<std::unique_ptr<PartitionReader>> open(const KafkaConnection& connection, const std::string& group, Range range);

  Result<bool> read(std::chrono::milliseconds wait, MessageBatch& batch) override;

 private:
  using Clock = std::chrono::steady_clock;

  explicit Reader(Range range) : range_(std::move(range)), origin_(std::make_shared<const std::string>(range_.topic)) {}
  Result<void> connect(const KafkaConnection& connection, const std::string& group);
  Result<void> find_ends();
  Result<void> assign();
  void add(const rd_kafka_message_t& message, MessageBatch& batch);
  void fix_end();
  void reached_end(std::int64_t offset);
  Result<void> take_error(const rd_kafka_message_t& message);
  tl::unexpected<Error> failed(ErrorCode code, std::string_view why) const;
  bool is_too_short(std::chrono::milliseconds patience) const;
  bool done() const { return end_ && next_ >= *end_; }

  Range range_;
  std::shared_ptr<const std::string> origin_;  // batches may outlive their reader
  std::int64_t next_ = 0;
  std::optional<std::int64_t> end_;  // none: not known yet
  std::unique_ptr<Client> client_;
  BatchFiller filler_;
  std::optional<Clock::time_point> too_short_since_;  // what can be read ended before `end_`
};

}  // namespace trailwarden::stream::kafka
