#include "testing/sim_world.h"

namespace trailwarden::testing {

std::string_view to_string(SimError error) {
  switch (error) {
    case SimError::kNone: return "ok";
    case SimError::kTryAgain: return "try again";
    case SimError::kUnavailable: return "no broker answers";
    case SimError::kConcurrentTransactions: return "concurrent transactions";
    case SimError::kUnstableOffset: return "unstable offset";
    case SimError::kProducerFenced: return "producer fenced";
    case SimError::kInvalidProducerEpoch: return "invalid producer epoch";
    case SimError::kInvalidTransaction: return "invalid transaction state";
    case SimError::kIllegalGeneration: return "illegal generation";
    case SimError::kUnknownMember: return "unknown member";
    case SimError::kOffsetsRefused: return "offsets refused";
    case SimError::kRebalance: return "rebalance in progress";
    case SimError::kUnknownTopic: return "unknown topic";
    case SimError::kNoAnswer: return "no answer";
    case SimError::kDead: return "dead";
  }
  return "?";
}

}  // namespace trailwarden::testing
