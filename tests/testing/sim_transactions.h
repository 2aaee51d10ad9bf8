#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "testing/sim_offsets.h"
#include "testing/sim_topic.h"
#include "testing/sim_world.h"

namespace trailwarden::testing {

/// The transaction coordinator: epochs, open transactions, their timeouts, and the markers that end them, which may take a while.
///
/// As in Kafka before KIP-890's second part, an end names the producer's epoch and not the transaction: one that arrives late ends whatever that
/// epoch has open by then. Only a new epoch keeps it out (D8).
class SimTransactions {
 public:
  SimTransactions(SimWorld& world, SimTopics& topics, SimOffsets& offsets) : world_(world), topics_(topics), offsets_(offsets) {}

  /// A new epoch: ends what the epoch before has open, and fences it. kConcurrentTransactions until that is written out.
  SimError init(const std::string& transactional_id, std::chrono::milliseconds timeout, SimProducer& producer);
  /// Makes the partition part of the producer's transaction, which begins if none is open.
  SimError add_partition(SimProducer producer, const SimTopicPartition& partition);
  SimError add_group(SimProducer producer, const std::string& group);
  /// Whether the producer may write to the partition now (KIP-890's first part: kInvalidTransaction unless it was added).
  SimError may_write(SimProducer producer, const SimTopicPartition& partition);
  SimError may_stage(SimProducer producer, const std::string& group);
  SimError end(SimProducer producer, bool commit);

 private:
  enum class Phase : std::uint8_t { kIdle, kOngoing, kCommitting, kAborting, kCommitted, kAborted };
  struct Transaction {
    std::string id;
    SimProducer producer;
    std::int32_t initialised_epoch = 0;  // the newest that an init gave out or cleared the way for; epochs after it come from timeouts
    std::chrono::milliseconds timeout{};
    Phase phase = Phase::kIdle;
    std::uint64_t serial = 0;
    std::set<SimTopicPartition> partitions;
    std::set<std::string> groups;
    std::size_t markers_missing = 0;
  };

  void note(const Transaction& transaction, const std::string& what) { world_.note("transaction " + transaction.id, to_string(transaction.producer) + " " + what); }
  static bool is_completing(const Transaction& transaction) { return transaction.phase == Phase::kCommitting || transaction.phase == Phase::kAborting; }
  Transaction* find(SimProducer producer);
  SimError check_epoch(const Transaction& transaction, SimProducer producer) const;
  SimError enter(SimProducer producer, Transaction*& transaction);
  void expire(const std::string& id, std::uint64_t serial);
  void complete(Transaction& transaction, bool commit);
  void mark_later(const std::string& id, std::function<void()> mark);
  void marked(const std::string& id);

  SimWorld& world_;
  SimTopics& topics_;
  SimOffsets& offsets_;
  std::map<std::string, Transaction> transactions_;
  std::uint64_t serials_ = 0;
  std::int64_t producer_ids_ = 0;
};

}  // namespace trailwarden::testing
