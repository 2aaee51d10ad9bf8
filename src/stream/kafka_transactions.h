#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stream/kafka_client.h"
#include "stream/kafka_counters.h"
#include "stream/kafka_trouble.h"
#include "stream/partitioned_log.h"

namespace trailwarden::stream::kafka {

/// The transactional producer of one member, replaced as often as needed (D8), and the transaction that is open, if one is.
///
/// Never waits for ever: what does not come to an end within the transaction timeout is indefinite, and then the producer is given up. The next one's
/// init_transactions takes a new epoch, after which nothing of the old one can become visible any more: only then may committed offsets be read.
/// Threads: one.
class Transactions {
 public:
  Transactions(const KafkaLogOptions& options, Trouble& trouble, KafkaCounters& counters) : options_(options), trouble_(trouble), counters_(counters) {}

  /// Works on being ready for at most about `limit`; what heals by waiting is no error but leaves it not ready.
  Result<void> prepare(std::chrono::milliseconds limit);
  /// Fenced off from everything before: committed offsets may be read, messages may be appended.
  bool ready() const { return phase_ == Phase::kReady || phase_ == Phase::kOpen; }
  /// Something was appended that is not committed.
  bool has_work() const { return phase_ == Phase::kOpen; }
  /// Something appended failed; the next commit says so.
  bool has_failed() const { return failure_.has_value(); }
  /// A newer instance with our id is at work. For good.
  bool fenced() const { return fenced_; }

  /// Lets the library say what became of messages.
  void serve();
  /// What goes wrong is said by the next `commit`.
  void append(const Outgoing& message);
  /// `offsets` may be empty. kNotFound, kTooLarge: something appended can never be written.
  Result<CommitResult> commit(std::span<const Progress> progress, const rd_kafka_consumer_group_metadata_t* group);
  /// Undoes what was appended, if anything was.
  void abort(const std::string& reason);
  /// Undoes what is open within about `limit`, and ends.
  void close(std::chrono::milliseconds limit);

 private:
  using Clock = std::chrono::steady_clock;
  enum class Phase : std::uint8_t { kNoProducer, kInitialising, kReady, kOpen };
  enum class Stage : std::uint8_t { kMessages, kOffsets, kEnd };  // of a commit

  Result<void> make_producer();
  void warm_up();
  void initialised();
  Result<void> not_initialised(const CallError& error);

  bool begin();
  void produce(const Outgoing& message);
  void failed(rd_kafka_resp_err_t code, std::string text);
  std::optional<CallError> send_offsets(std::span<const Progress> progress, const rd_kafka_consumer_group_metadata_t* group);
  std::optional<CallError> end_transaction();
  template <class Call>
  std::optional<CallError> until_timeout(Call call);

  Result<CommitResult> give_up(CallError error, Stage stage);
  void roll_back(const std::string& reason, Clock::time_point end);
  void replace(const std::string& reason, const std::string& text);
  bool is_twin(const CallError& error);
  std::chrono::milliseconds age() const;
  rd_kafka_topic_t* topic(const std::string& name);

  const KafkaLogOptions& options_;
  Trouble& trouble_;
  KafkaCounters& counters_;

  std::unique_ptr<Client> producer_;
  std::map<std::string, Topic, std::less<>> topics_;  // of this producer; goes before it
  Phase phase_ = Phase::kNoProducer;
  bool fenced_ = false;
  Clock::time_point begun_{};  // the open transaction
  std::chrono::system_clock::time_point begun_by_calendar_{};
  std::optional<CallError> failure_;             // of something appended to it
  std::optional<Clock::time_point> fence_doubt_;  // when a fence was last taken for our own timeout
  Clock::time_point not_before_{};               // next try to make a producer
  std::chrono::milliseconds pause_{0};
};

}  // namespace trailwarden::stream::kafka
