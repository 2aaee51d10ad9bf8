#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "testing/sim_group.h"
#include "testing/sim_offsets.h"
#include "testing/sim_topic.h"
#include "testing/sim_transactions.h"
#include "testing/sim_world.h"

namespace trailwarden::testing {

/// A visible record, as a test looks at it.
struct SimRecord {
  std::int64_t offset = 0;
  AppendTime append_time;
  std::string key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// What becomes of one request to end a transaction.
struct SimEnd {
  enum class Fate : std::uint8_t { kAnswered, kAppliedUnanswered, kLost, kLate };
  Fate fate = Fate::kAnswered;
  std::chrono::milliseconds late_by{};  // kLate
};

/// Kafka, simulated: topics with transactions and read_committed isolation, consumer groups with generations, timeouts, and faults, on a virtual
/// clock. The same seed and the same calls give the same run, line by line of its trace.
///
/// Not modelled: more than one broker (replication, leaders, truncation), the network below the level of requests, authorisation, quotas, message
/// size limits, static members, cooperative assignors, idempotent sequence numbers (a record is written once or refused).
///
/// Threads: none. Everything, and all `SimLog`s on it, belongs to one thread; the broker outlives them.
class SimBroker {
 public:
  explicit SimBroker(std::uint64_t seed, SimFaults faults = {}, SimFlaws flaws = {});
  SimBroker(const SimBroker&) = delete;
  SimBroker& operator=(const SimBroker&) = delete;

  // Topics.
  void create_topic(std::string_view name, std::int32_t partitions, bool compacted = false);
  void delete_topic(std::string_view name);
  void add_partitions(std::string_view topic, std::int32_t more);
  /// Writes a record outside of any transaction, now. No value: a tombstone. Gives its offset.
  std::int64_t put(std::string_view topic, std::int32_t partition, std::optional<std::string> value, std::string key = {});
  void delete_records(std::string_view topic, std::int32_t partition, std::int64_t before);
  /// Cleans all that is stable of a compacted topic.
  void compact(std::string_view topic);

  // What a read_committed reader and an administrator see.
  std::vector<SimRecord> visible(std::string_view topic, std::int32_t partition);
  stream::Extent extent(std::string_view topic, std::int32_t partition);
  std::optional<SimCommitted> committed(const std::string& group, std::string_view topic, std::int32_t partition) const;
  /// Whether the group has committed all that is visible in a topic of so many partitions.
  bool has_consumed(const std::string& group, std::string_view topic, std::int32_t partitions);
  void commit_as_administrator(const std::string& group, std::string_view topic, std::int32_t partition, std::optional<std::int64_t> next_offset);

  // Time and trouble.
  AppendTime now() const { return world_.clock.now(); }
  void advance(std::chrono::milliseconds duration) { world_.clock.advance(duration); }
  void rebalance(const std::string& group) { this->group(group).rebalance("asked for"); }
  void outage(std::chrono::milliseconds duration);
  /// What becomes of the requests to end transactions that come next, one each; chance decides about those after them.
  void script_end(SimEnd end) { scripted_ends_.push_back(end); }
  /// Called when a client stands still in the midst of a call, with its name and for how long: the place to run the others, or to kill it. It
  /// must not be destroyed there: it is on the stack.
  void meanwhile(std::function<void(const std::string& client, std::chrono::milliseconds)> others) { meanwhile_ = std::move(others); }
  SimFaults& faults() { return world_.faults; }
  /// For the choices of a test, so that one seed holds all of a run.
  SimDice& dice() { return world_.dice; }
  SimTrace& trace() { return world_.trace; }
  void note(std::string_view who, std::string_view what) { world_.note(who, what); }

  // What clients ask, once `admit` lets them.
  SimError admit(const std::string& client, std::string_view request);
  SimError write(SimProducer producer, const SimTopicPartition& partition, std::shared_ptr<const SimPayload> payload);
  SimError stage(SimProducer producer, const std::string& group, const std::string& member, std::int32_t generation, const SimProgress& progress);
  SimError end_transaction(const std::string& client, SimProducer producer, bool commit);
  SimGroup& group(const std::string& name);
  SimTransactions& transactions() { return transactions_; }
  SimOffsets& offsets() { return offsets_; }
  SimTopics& topics() { return topics_; }
  const SimFlaws& flaws() const { return world_.flaws; }
  /// The client does nothing for a while.
  void stand_still(const std::string& client, std::chrono::milliseconds duration);

 private:
  SimPartition& at(std::string_view topic, std::int32_t partition);
  SimEnd next_end();
  void end_later(SimProducer producer, bool commit, std::chrono::milliseconds delay);
  void have_weather();
  void clean_some(const std::string& name, SimTopic& topic);
  void retain(const SimTopicPartition& id, SimPartition& partition);

  SimWorld world_;
  SimTopics topics_;
  SimOffsets offsets_;
  SimTransactions transactions_;
  std::map<std::string, SimGroup> groups_;
  std::deque<SimEnd> scripted_ends_;
  std::function<void(const std::string&, std::chrono::milliseconds)> meanwhile_;
};

}  // namespace trailwarden::testing
