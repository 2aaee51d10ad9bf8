#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stream/partitioned_log.h"
#include "testing/sim_broker.h"
#include "testing/sim_client.h"
#include "testing/sim_fetcher.h"
#include "testing/sim_writer.h"

namespace trailwarden::testing {

/// Where a partition begins that nothing was ever committed for.
enum class SimBegin : std::uint8_t { kNobodySaid, kAtFirst, kAtEnd };

struct SimLogOptions {
  std::string name = "w1";  // in the trace; of each incarnation another, so that it can be told apart
  std::string group = "detector";
  std::string transactional_id = "detector-1";
  std::vector<std::string> inputs;
  std::string ticks_topic;  // empty: no ticks
  SimBegin begin = SimBegin::kAtFirst;
  std::chrono::milliseconds session_timeout{15'000};
  std::chrono::milliseconds rebalance_timeout{60'000};
  std::chrono::milliseconds transaction_timeout{10'000};
  std::size_t poll_at_most = 500;                    // messages
  std::size_t message_at_most = SIZE_MAX;            // bytes of value that are taken
  std::optional<std::uint64_t> dies_before_request;  // the n-th, from 1: walks through every crash point of a run
};

/// One member of a group on a `SimBroker`: one incarnation of a worker. Behaves towards the broker as a real client must: gives back before it
/// rejoins, aborts what the broker refuses, and after an unanswered end of a transaction takes a new producer epoch before it reads offsets (D8).
///
/// Destroyed without `leave` it is a process that was killed: its membership and its transaction stay until their timeouts, or until the same
/// transactional id is initialised again. `poll` advances the virtual clock where it waits.
///
/// Stricter than a real one: misuse (starting a partition twice, committing one that is not assigned) aborts the test.
/// Threads: the broker's, `trouble` and `wake` too.
class SimLog final : public stream::PartitionedLog {
 public:
  SimLog(SimBroker& broker, SimLogOptions options);
  ~SimLog() override { kill(); }

  Result<void> poll(std::chrono::milliseconds wait, stream::Polled& polled, stream::Member& member) override;
  void start(stream::PartitionId partition) override;
  void stop(stream::PartitionId partition) override;
  void append(stream::Outgoing message) override;
  Result<stream::CommitResult> commit(std::span<const stream::Progress> progress) override;
  Result<std::vector<stream::Assigned>> rewind() override;
  Result<void> leave(stream::Member& member) override;
  const std::vector<std::string>& inputs() const override { return options_.inputs; }
  const std::string& group() const override { return options_.group; }
  Result<std::int32_t> partitions(std::string_view topic) override;
  Result<stream::Extent> range(std::string_view topic, std::int32_t partition) override { return client_->broker().extent(topic, partition); }
  std::optional<stream::Extent> extent(stream::PartitionId partition) const override { return fetcher_.extent(partition); }
  Result<std::unique_ptr<stream::PartitionReader>> read(std::string_view topic, std::int32_t partition, std::int64_t from,
                                                        std::optional<std::int64_t> to) override;
  std::string trouble() const override { return client_->trouble(); }
  void wake() override { woken_ = true; }

  /// kill -9: every call from now on does nothing and returns an error, and nobody is told.
  void kill() { client_->kill(); }
  bool dead() const { return client_->dead(); }
  /// Sent so far; `dies_before_request` counts the same.
  std::uint64_t requests() const { return client_->requests(); }

 private:
  enum class Phase : std::uint8_t { kOutside, kJoining, kFetchingOffsets, kMember, kLeft };

  Result<void> may_go_on() const;
  SimGroup& members() { return client_->broker().group(options_.group); }

  /// Does what the membership asks for next; true if there is more to do at once.
  bool step(stream::Member& member);
  bool join();
  bool await_share();
  bool fetch_offsets(stream::Member& member);
  bool stay(stream::Member& member);
  void give_back(stream::Member& member);
  void lose(stream::Member& member);
  void drop_work();

  stream::PartitionId id_of(const SimTopicPartition& source) const;
  SimTopicPartition source_of(stream::PartitionId id) const;
  SimError fetch_offset(stream::PartitionId id, std::chrono::milliseconds patience, stream::Assigned& assigned);
  std::optional<std::int64_t> beginning(const SimTopicPartition& source);
  void announce(std::vector<stream::Assigned> assigned, stream::Member& member);
  SimProgress checked(std::span<const stream::Progress> progress) const;
  Result<stream::CommitResult> result_of(SimError error);
  void note_offsets(std::string_view what, const std::vector<stream::Assigned>& assigned);

  SimLogOptions options_;
  std::shared_ptr<SimClient> client_;  // readers hold it too
  SimWriter writer_;
  SimFetcher fetcher_;
  Phase phase_ = Phase::kOutside;
  std::string member_id_;
  SimShare share_;
  std::map<SimTopicPartition, std::int64_t> beginnings_;  // of partitions without a commit: where they began, so that a rewind ends there again
  bool rolled_back_ = false;
  bool too_large_ = false;  // something appended to the open transaction                              // until `rewind`, or until everything is assigned anew
  bool told_ = false;                                     // this poll called the member
  bool woken_ = false;
};

}  // namespace trailwarden::testing
