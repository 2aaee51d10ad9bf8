#include "testing/sim_transactions.h"

#include <algorithm>

namespace trailwarden::testing {

SimError SimTransactions::init(const std::string& transactional_id, std::chrono::milliseconds timeout, SimProducer& producer) {
  Transaction& transaction = transactions_[transactional_id];
  if (transaction.producer.id == 0) {
    transaction.id = transactional_id;
    transaction.producer = {++producer_ids_, -1};
  }
  if (transaction.phase == Phase::kOngoing) {
    transaction.initialised_epoch = ++transaction.producer.epoch;
    note(transaction, "fences the one before, and aborts what it had open");
    complete(transaction, false);
  }
  if (is_completing(transaction)) return SimError::kConcurrentTransactions;
  transaction.initialised_epoch = ++transaction.producer.epoch;
  transaction.timeout = timeout;
  transaction.phase = Phase::kIdle;
  producer = transaction.producer;
  note(transaction, "initialised");
  return SimError::kNone;
}

SimError SimTransactions::add_partition(SimProducer producer, const SimTopicPartition& partition) {
  Transaction* transaction = nullptr;
  if (const SimError error = enter(producer, transaction); error != SimError::kNone) return error;
  if (topics_.find(partition) == nullptr) return SimError::kUnknownTopic;
  transaction->partitions.insert(partition);
  return SimError::kNone;
}

SimError SimTransactions::add_group(SimProducer producer, const std::string& group) {
  Transaction* transaction = nullptr;
  if (const SimError error = enter(producer, transaction); error != SimError::kNone) return error;
  transaction->groups.insert(group);
  return SimError::kNone;
}

SimError SimTransactions::may_write(SimProducer producer, const SimTopicPartition& partition) {
  Transaction* transaction = find(producer);
  if (transaction == nullptr) return SimError::kInvalidTransaction;
  if (const SimError error = check_epoch(*transaction, producer); error != SimError::kNone) return error;
  const bool added = transaction->phase == Phase::kOngoing && transaction->partitions.contains(partition);
  return added ? SimError::kNone : SimError::kInvalidTransaction;
}

SimError SimTransactions::may_stage(SimProducer producer, const std::string& group) {
  Transaction* transaction = find(producer);
  if (transaction == nullptr) return SimError::kInvalidTransaction;
  if (const SimError error = check_epoch(*transaction, producer); error != SimError::kNone) return error;
  const bool added = transaction->phase == Phase::kOngoing && transaction->groups.contains(group);
  return added ? SimError::kNone : SimError::kInvalidTransaction;
}

SimError SimTransactions::end(SimProducer producer, bool commit) {
  Transaction* transaction = find(producer);
  if (transaction == nullptr) return SimError::kInvalidTransaction;
  if (const SimError error = check_epoch(*transaction, producer); error != SimError::kNone) return error;
  switch (transaction->phase) {
    case Phase::kOngoing: complete(*transaction, commit); return SimError::kNone;
    case Phase::kCommitting: return commit ? SimError::kConcurrentTransactions : SimError::kInvalidTransaction;
    case Phase::kAborting: return commit ? SimError::kInvalidTransaction : SimError::kConcurrentTransactions;
    case Phase::kCommitted: return commit ? SimError::kNone : SimError::kInvalidTransaction;
    case Phase::kAborted: return commit ? SimError::kInvalidTransaction : SimError::kNone;
    case Phase::kIdle: return SimError::kInvalidTransaction;
  }
  return SimError::kInvalidTransaction;
}

SimTransactions::Transaction* SimTransactions::find(SimProducer producer) {
  for (auto& [id, transaction] : transactions_)
    if (transaction.producer.id == producer.id) return &transaction;
  return nullptr;
}

SimError SimTransactions::check_epoch(const Transaction& transaction, SimProducer producer) const {
  if (world_.flaws.any_epoch || producer.epoch == transaction.producer.epoch) return SimError::kNone;
  return producer.epoch < transaction.initialised_epoch ? SimError::kProducerFenced : SimError::kInvalidProducerEpoch;
}

// The producer's transaction, open: begun now if it was not.
SimError SimTransactions::enter(SimProducer producer, Transaction*& transaction) {
  transaction = find(producer);
  if (transaction == nullptr) return SimError::kInvalidTransaction;
  if (const SimError error = check_epoch(*transaction, producer); error != SimError::kNone) return error;
  if (is_completing(*transaction)) return SimError::kConcurrentTransactions;
  if (transaction->phase == Phase::kOngoing) return SimError::kNone;
  transaction->phase = Phase::kOngoing;
  transaction->serial = ++serials_;
  note(*transaction, "begins");
  world_.clock.at(world_.clock.now() + transaction->timeout, [this, id = transaction->id, serial = transaction->serial] { expire(id, serial); });
  return SimError::kNone;
}

void SimTransactions::expire(const std::string& id, std::uint64_t serial) {
  Transaction& transaction = transactions_.at(id);
  if (transaction.phase != Phase::kOngoing || transaction.serial != serial) return;
  if (world_.outage()) return world_.clock.at(world_.outage_ends, [this, id, serial] { expire(id, serial); });
  ++transaction.producer.epoch;
  note(transaction, "timed out");
  complete(transaction, false);
}

void SimTransactions::complete(Transaction& transaction, bool commit) {
  note(transaction, commit ? "commits" : "aborts");
  transaction.phase = commit ? Phase::kCommitting : Phase::kAborting;
  transaction.markers_missing = transaction.partitions.size() + transaction.groups.size() + 1;  // and the coordinator's own
  const SimProducer producer = transaction.producer;
  for (const SimTopicPartition& partition : std::exchange(transaction.partitions, {}))
    mark_later(transaction.id, [this, partition, producer, commit] {
      if (SimPartition* found = topics_.find(partition)) found->end_transaction(world_.clock.now(), producer, commit);
    });
  for (const std::string& group : std::exchange(transaction.groups, {}))
    mark_later(transaction.id, [this, group, producer, commit] { offsets_.end_transaction(group, producer, commit); });
  marked(transaction.id);
}

void SimTransactions::mark_later(const std::string& id, std::function<void()> mark) {
  const auto write = [this, id, mark = std::move(mark)] {
    mark();
    marked(id);
  };
  if (!world_.dice.chance(world_.faults.marker_late)) return write();
  world_.clock.at(world_.clock.now() + world_.dice.within(world_.faults.marker_late_at_most), write);
}

void SimTransactions::marked(const std::string& id) {
  Transaction& transaction = transactions_.at(id);
  if (--transaction.markers_missing == 0) transaction.phase = transaction.phase == Phase::kCommitting ? Phase::kCommitted : Phase::kAborted;
}

}  // namespace trailwarden::testing
