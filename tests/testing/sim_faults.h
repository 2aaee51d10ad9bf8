#pragma once

#include <chrono>
#include <cstdint>

#include "core/hash.h"

namespace trailwarden::testing {

/// All chance of a simulated run: one seed, one stream of numbers, the same on every machine.
class SimDice {
 public:
  explicit SimDice(std::uint64_t seed) : state_(splitmix64(seed)) {}

  std::uint64_t next() {
    state_ += kSplitmixStep;
    return splitmix64(state_);
  }
  /// 0 ... count - 1; 0 if there is nothing to choose from. Counts are small, so the bias of the remainder is too.
  std::uint64_t below(std::uint64_t count) { return count == 0 ? 0 : next() % count; }
  std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + below(high - low + 1); }
  /// Draws nothing where nothing can happen, so that a fault that is off does not change the rest of a run.
  bool chance(double probability) {
    return probability > 0 && static_cast<double>(next() >> 11) * 0x1p-53 < probability;
  }
  std::chrono::milliseconds within(std::chrono::milliseconds longest) {
    return std::chrono::milliseconds(between(1, static_cast<std::uint64_t>(longest.count())));
  }

 private:
  std::uint64_t state_;
};

/// What goes wrong how often. Everything is off unless set.
struct SimFaults {
  // Each request of a client.
  double retriable = 0;  // answered with "try again"
  double freeze = 0;     // the client stands still before the request goes out; everybody else goes on
  std::chrono::milliseconds freeze_at_most{60'000};

  // Each request to end a transaction. None of these is answered.
  double end_applied_unanswered = 0;
  double end_lost = 0;
  double end_late = 0;  // arrives when nobody waits for it any more
  std::chrono::milliseconds late_at_most{20'000};
  std::chrono::milliseconds request_timeout{2'000};  // how long the client waits for the answer

  double buffered = 0;         // each appended record: waits in the client until the commit, instead of being sent at once
  double offsets_refused = 0;  // each request to add offsets to a transaction: refused, and the transaction must be aborted
  double marker_late = 0;      // each partition of an ended transaction: what was decided is seen there a while later
  std::chrono::milliseconds marker_late_at_most{2'000};

  // Each partition of each poll.
  double partial_fetch = 0;        // a random part of what is there, perhaps nothing
  double end_told_late = 0;        // the end was reached, and the client does not say so yet
  double duplicate_delivery = 0;   // the client's position slips back; librdkafka 2.0.2 does that (streaming.md R1)
  std::uint64_t duplicates_at_most = 10;
  bool partitions_in_any_order = false;

  double offset_gap = 0;  // each record put into a topic outside of transactions: offsets before it that hold nothing

  // Each second of virtual time.
  double rebalance = 0;
  double outage = 0;  // no broker answers anything
  std::chrono::milliseconds outage_at_most{20'000};
  double compaction = 0;  // each compacted topic
  double retention = 0;   // each partition: what every group has committed is deleted, except the last `retention_keeps` offsets
  std::int64_t retention_keeps = 100;

  /// Everything that a correct member of a group survives, all at once, about as often as makes a run of some hundred steps eventful.
  static SimFaults harsh() {
    SimFaults faults;
    faults.retriable = 0.02;
    faults.freeze = 0.002;
    faults.end_applied_unanswered = 0.03;
    faults.end_lost = 0.03;
    faults.end_late = 0.03;
    faults.buffered = 0.5;
    faults.offsets_refused = 0.02;
    faults.marker_late = 0.1;
    faults.partial_fetch = 0.3;
    faults.end_told_late = 0.2;
    faults.duplicate_delivery = 0.01;
    faults.partitions_in_any_order = true;
    faults.offset_gap = 0.02;
    faults.rebalance = 0.01;
    faults.outage = 0.005;
    faults.compaction = 0.05;
    return faults;
  }
};

/// Guards of the protocol that are broken on purpose, to prove that a test would notice.
struct SimFlaws {
  bool any_generation = false;         // offsets are taken from whoever was a member once
  bool any_epoch = false;              // a fenced producer is as good as its successor
  bool ends_asked_again = false;       // an unanswered end of a transaction is asked again with the same epoch: the first may still be on its way
  bool dirty_reads = false;            // consumers see what is not committed, or was aborted
  bool unstable_offsets = false;       // committed offsets are read while a transaction is still about to change them
  bool offsets_outside = false;        // offsets become visible at once instead of with their transaction
  bool revoked_work_survives = false;  // what was appended for partitions that are gone is committed with what comes after
};

}  // namespace trailwarden::testing
