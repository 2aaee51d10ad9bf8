#pragma once

#include <string_view>

#include "testing/sim_clock.h"
#include "testing/sim_faults.h"
#include "testing/sim_trace.h"

namespace trailwarden::testing {

/// What all parts of a simulated broker share.
struct SimWorld {
  SimClock clock;
  SimDice dice;
  SimTrace trace;
  SimFaults faults;
  SimFlaws flaws;
  AppendTime outage_ends{};  // nobody is answered before, and no timer of the broker's fires

  explicit SimWorld(std::uint64_t seed, SimFaults with = {}, SimFlaws broken = {}) : dice(seed), faults(with), flaws(broken) {}

  bool outage() const { return clock.now() < outage_ends; }
  void note(std::string_view who, std::string_view what) { trace.add(clock.since_start(), who, what); }
};

/// How a broker answers. Ordered by nothing; `ask_again` and `must_abort` say what a client makes of it.
enum class SimError : std::uint8_t {
  kNone,
  kTryAgain,                // coordinator loading, not leader, ...
  kUnavailable,             // no broker answers
  kConcurrentTransactions,  // the transaction before is still being written out
  kUnstableOffset,          // a transaction is about to change it
  kProducerFenced,          // somebody initialised the same transactional id since
  kInvalidProducerEpoch,    // the coordinator gave up the transaction and raised the epoch
  kInvalidTransaction,      // no such transaction, or not in this state
  kIllegalGeneration,
  kUnknownMember,
  kOffsetsRefused,
  kRebalance,  // rejoin
  kUnknownTopic,
  kNoAnswer,  // the request was sent, and what became of it is unknown
  kDead,      // the client does not exist any more
};

std::string_view to_string(SimError error);

/// Ask the same again: nothing happened.
constexpr bool ask_again(SimError error) {
  return error == SimError::kTryAgain || error == SimError::kUnavailable || error == SimError::kConcurrentTransactions || error == SimError::kUnstableOffset;
}
/// The transaction cannot be committed, and its producer can go on after an abort.
constexpr bool must_abort(SimError error) {
  return error == SimError::kInvalidTransaction || error == SimError::kIllegalGeneration || error == SimError::kUnknownMember || error == SimError::kOffsetsRefused;
}

}  // namespace trailwarden::testing
