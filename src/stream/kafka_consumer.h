#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "stream/kafka_client.h"
#include "stream/kafka_trouble.h"
#include "stream/partitioned_log.h"

namespace trailwarden::stream::kafka {

/// One membership of the group: a consumer whose partitions we assign and pause ourselves.
///
/// The library's rebalance callback only takes a note and ends the poll; whoever owns this then acts on it, outside of the library's frames: the state
/// of the group waits for our `assign` all the same, and what runs there (a commit) neither recurses nor throws through C.
/// Threads: one, except `wake`.
class GroupConsumer {
 public:
  struct Rebalance {
    bool taken = false;  // away; else given
    bool lost = false;   // taken by the group without asking, as far as the library remembers
    std::vector<PartitionId> partitions;
  };
  /// Where the reading of one partition begins, and whether it waits for `resume`.
  struct Begin {
    std::string topic;
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    bool paused = true;
  };
  /// The generation as the coordinator knows it.
  struct Membership {
    GroupMetadata metadata;
    std::string identity;  // equal as long as group, member and generation are; empty: not a member
  };

  static Result<std::unique_ptr<GroupConsumer>> create(const KafkaLogOptions& options, Trouble& trouble);
  ~GroupConsumer();

  Result<void> subscribe();
  /// One message, end of partition or error; none within `wait`, after `wake`, or when there is a `rebalance` to act on. One by one, because the
  /// batch calls of 2.0.2 lose messages around pauses and rebalances (R5).
  MessageHandle poll(std::chrono::milliseconds wait);
  /// What the group wants since it was last asked. Until `assign` or `unassign` it wants nothing else.
  std::optional<Rebalance> rebalance();
  /// Whether a topic was said not to be there since it was last asked.
  bool misses_topic() { return std::exchange(misses_topic_, false); }

  /// Replaces all that is read by these; none: reads nothing. Pauses each that waits exactly once (R1).
  Result<void> assign(std::span<const Begin> begins);
  /// Gives up all that is read.
  Result<void> unassign();
  void resume(const std::string& topic, std::int32_t partition);
  void pause(const std::string& topic, std::int32_t partition);

  Membership membership() const;
  rd_kafka_t* client() const { return client_->get(); }
  std::optional<CallError> fatal() const { return client_->fatal(); }

  /// Ends the membership; gives up waiting for the group's answer after `limit`. A static member stays one until its session expires.
  void close(std::chrono::milliseconds limit);

  void wake();

 private:
  GroupConsumer(const KafkaLogOptions& options, Trouble& trouble) : options_(options), trouble_(trouble) {}
  Callbacks callbacks();
  void note(rd_kafka_resp_err_t what, const rd_kafka_topic_partition_list_t& partitions);

  const KafkaLogOptions& options_;
  Trouble& trouble_;
  std::unique_ptr<Client> client_;
  std::mutex queue_mutex_;  // `wake` against `close`
  Queue queue_;             // guarded
  std::optional<Rebalance> noted_;
  bool misses_topic_ = false;
  bool closing_ = false;
};

}  // namespace trailwarden::stream::kafka
