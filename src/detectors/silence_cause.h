#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace trailwarden::detectors {

/// Why an account and Region is silent. Which of them shows in what the other account-Regions of the same partition do meanwhile.
enum class SilenceCause : std::uint8_t {
  kDeliveryLag,   // records exist and are late
  kTrailStopped,  // no records exist any more
};
std::string_view to_string(SilenceCause cause);  // "delivery_lag", "trail_stopped"

/// Whom a cause concerns.
enum class SilenceScope : std::uint8_t {
  kPartition,  // every account-Region of it
  kRegion,     // every account in this Region
  kAccount,    // every Region of this account
  kAlone,      // this account-Region only
};

std::string_view to_string(SilenceScope scope);  // "partition", "region", "account", "account_region"

/// Another account-Region that would be noticed by now if it had been silent for as long.
struct DueNeighbour {
  std::string_view account, region;
  bool silent = false;
};

/// Whether what concerns (account, region) in that scope concerns the other one too.
bool concerns(SilenceScope scope, std::string_view account, std::string_view region, std::string_view other_account, std::string_view other_region);

struct SilenceVerdict {
  SilenceCause cause = SilenceCause::kDeliveryLag;
  SilenceScope scope = SilenceScope::kPartition;
  bool operator==(const SilenceVerdict&) const = default;
};

/// The likeliest reason why (account, region) is silent. A hypothesis is a set H of account-Regions that it would silence; its score is
///   ln(prior a week) - 5 x (due neighbours that are silent and not in H, or in H and not silent)
///   + 10 if logging was stopped by a call and it says that, + 5 if late records were seen and it says that [nat],
/// priors: lag of the partition 0.1, of the Region 0.03; trail of the account 0.02, of this one alone 0.02. Ties: the first of these.
/// Source: docs/baseline.md, "Silence".
SilenceVerdict cause_of_silence(std::string_view account, std::string_view region, std::span<const DueNeighbour> due, bool stop_call, bool late_seen);

}  // namespace trailwarden::detectors
