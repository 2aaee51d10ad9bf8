#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stream/kafka_counters.h"
#include "stream/kafka_options.h"
#include "stream/partitioned_log.h"

namespace trailwarden::stream {

namespace kafka {
class GroupConsumer;
class Intake;
class PartitionTable;
class StartOffsets;
class Transactions;
class Trouble;
}  // namespace kafka

/// One member of a group on Apache Kafka, on librdkafka from 2.0.2 on: a consumer that is given partitions by the group, and a transactional producer
/// that commits their offsets with what it writes. Needs brokers from 2.5 on (stable offsets), LogAppendTime on the inputs.
///
/// The rules R1 to R15 and D1 to D14 that the code names are those of spec/streaming.md; in short:
///  - a producer's epoch is taken before any committed offset is read (D8), and anew after whatever may or may not have happened;
///  - a commit carries the group's generation, and is not even tried when it is not the one that gave us our partitions;
///  - partitions are read from explicit offsets only, and each is paused once and resumed once (R1);
///  - an error after which a client cannot go on replaces the client, not the process (R10, R14).
///
/// Errors: kInvalidArgument for settings; kUnsupported when the cluster refuses them for good, or a twin has our transactional id; kNotFound, kTooLarge
/// for a message that can never be written (after kTooLarge a rewind helps). Everything else heals, and shows in `trouble` until then.
/// Calls wait longer than they were told to only while the cluster does not answer: at most about half a minute.
/// Threads: one, except `trouble` and `wake`. Callbacks of the options run on that thread, tokens excepted.
/// What was considered instead: cppkafka, modern-cpp-kafka (neither has what 1.4 needs); the library's own C++ API (exceptions through C frames).
class KafkaLog final : public PartitionedLog {
 public:
  using Options = KafkaLogOptions;
  using Counters = KafkaCounters;

  /// Checks the settings; asks nobody yet.
  static Result<std::unique_ptr<KafkaLog>> create(Options options);
  /// Without `leave`: as a process that is killed, as far as others can see. The open transaction is undone by its timeout.
  ~KafkaLog() override;

  Result<void> poll(std::chrono::milliseconds wait, Polled& polled, Member& member) override;
  void start(PartitionId partition) override;
  void stop(PartitionId partition) override;
  void append(Outgoing message) override;
  Result<CommitResult> commit(std::span<const Progress> progress) override;
  Result<std::vector<Assigned>> rewind() override;
  Result<void> leave(Member& member) override;
  const std::vector<std::string>& inputs() const override { return options_.inputs; }
  const std::string& group() const override { return options_.group; }
  Result<std::int32_t> partitions(std::string_view topic) override;
  Result<Extent> range(std::string_view topic, std::int32_t partition) override;
  std::optional<Extent> extent(PartitionId partition) const override;
  Result<std::unique_ptr<PartitionReader>> read(std::string_view topic, std::int32_t partition, std::int64_t from,
                                                std::optional<std::int64_t> to) override;
  std::string trouble() const override;
  void wake() override;

  /// A newer instance with our transactional id is at work. For good. The calling thread must be the one that polls.
  bool fenced() const;
  /// The calling thread must be the one that polls.
  const Counters& counters() const { return counters_; }

 private:
  using Clock = std::chrono::steady_clock;

  explicit KafkaLog(Options options);
  Result<void> cannot_go_on() const;
  std::string name_of(std::string_view topic) const;
  Error explained(Error error);

  Result<void> renew_consumer(Member& member);
  Result<void> join();
  bool act_on_rebalance(Member& member);
  void take_away(bool lost, Member& member);
  bool keep_promise(Member& member);
  Result<std::vector<Assigned>> place(const std::vector<PartitionId>& partitions, std::chrono::milliseconds limit);
  void collect(std::chrono::milliseconds wait, Polled& polled);
  Result<std::int32_t> count_tick_partitions();
  void look_for_inputs();
  void look_after_brokers();
  CommitResult roll_back(const std::string& reason);
  void pause_between_rollbacks();
  void sleep(std::chrono::milliseconds time) const;

  const Options options_;
  Counters counters_;
  std::unique_ptr<kafka::Trouble> trouble_;
  std::unique_ptr<kafka::PartitionTable> table_;
  std::unique_ptr<kafka::StartOffsets> start_offsets_;
  std::unique_ptr<kafka::Intake> intake_;
  std::unique_ptr<kafka::Transactions> transactions_;
  std::mutex consumer_mutex_;  // `wake` against its replacement
  std::unique_ptr<kafka::GroupConsumer> consumer_;

  /// The group gave us these, and the member does not know yet: their offsets are not read.
  std::optional<std::vector<PartitionId>> promised_;
  std::string generation_;  // that gave us what we have
  bool subscribed_ = false;
  bool rolled_back_ = false;  // nothing counts before the rewind
  bool left_ = false;
  int rollbacks_in_a_row_ = 0;
  Clock::time_point next_look_{}, consumer_made_{};
  std::chrono::milliseconds consumer_pause_{0};
  std::atomic<bool> woken_{false};

  struct Count {
    std::int32_t partitions = 0;
    Clock::time_point asked{};
  };
  std::map<std::string, Count, std::less<>> counts_;
};

}  // namespace trailwarden::stream
