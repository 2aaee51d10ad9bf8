#include "detectors/silence_cause.h"

#include <array>

#include "baseline/portable_math.h"

namespace trailwarden::detectors {
namespace {

constexpr double kMismatch = 5, kStopCall = 10, kLateSeen = 5;  // [nat]

struct Hypothesis {
  SilenceVerdict says;
  double prior;  // a week
};
constexpr std::array<Hypothesis, 4> kHypotheses{{{{SilenceCause::kDeliveryLag, SilenceScope::kPartition}, 0.1},
                                                 {{SilenceCause::kDeliveryLag, SilenceScope::kRegion}, 0.03},
                                                 {{SilenceCause::kTrailStopped, SilenceScope::kAccount}, 0.02},
                                                 {{SilenceCause::kTrailStopped, SilenceScope::kAlone}, 0.02}}};

}  // namespace

std::string_view to_string(SilenceCause cause) { return cause == SilenceCause::kDeliveryLag ? "delivery_lag" : "trail_stopped"; }

std::string_view to_string(SilenceScope scope) {
  switch (scope) {
    case SilenceScope::kPartition: return "partition";
    case SilenceScope::kRegion: return "region";
    case SilenceScope::kAccount: return "account";
    case SilenceScope::kAlone: return "account_region";
  }
  return "";
}

bool concerns(SilenceScope scope, std::string_view account, std::string_view region, std::string_view other_account, std::string_view other_region) {
  switch (scope) {
    case SilenceScope::kPartition: return true;
    case SilenceScope::kRegion: return other_region == region;
    case SilenceScope::kAccount: return other_account == account;
    case SilenceScope::kAlone: return other_account == account && other_region == region;
  }
  return false;
}

SilenceVerdict cause_of_silence(std::string_view account, std::string_view region, std::span<const DueNeighbour> due, bool stop_call, bool late_seen) {
  const Hypothesis* best = nullptr;
  double most = 0;
  for (const Hypothesis& hypothesis : kHypotheses) {
    const bool is_lag = hypothesis.says.cause == SilenceCause::kDeliveryLag;
    double score = baseline::portable_log(hypothesis.prior) + (is_lag ? (late_seen ? kLateSeen : 0) : (stop_call ? kStopCall : 0));
    for (const DueNeighbour& one : due)
      if (one.silent != concerns(hypothesis.says.scope, account, region, one.account, one.region)) score -= kMismatch;
    if (best != nullptr && score <= most) continue;
    best = &hypothesis;
    most = score;
  }
  return best->says;
}

}  // namespace trailwarden::detectors
