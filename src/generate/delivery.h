#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/time.h"
#include "generate/call.h"

namespace trailwarden::generate {

/// CloudTrail delivers every five minutes.
inline constexpr std::chrono::seconds kDeliveryPeriod = std::chrono::minutes{5};

/// A call on its way: when its record arrives.
struct Delivered {
  Call call;
  Timestamp arrival{};
};

/// Delays calls as CloudTrail does: half arrive within 190 s, 99 of 100 within 540 s, all within 14 minutes, even when counted to
/// the delivery's stamp; and one in fifty arrives once more with the next delivery. Both follow from the call's seed.
///
/// Memory: the calls whose delivery was not taken yet.
class Delivery {
 public:
  void add(const Call& call);

  struct Batch {
    Timestamp stamp{};             // of the delivery: a multiple of kDeliveryPeriod, at or after each arrival
    std::vector<Delivered> calls;  // by arrival
  };
  /// The next delivery whose stamp is at or before `until`, oldest first; nullopt if there is none. Add every call from before
  /// `until` first.
  std::optional<Batch> take(Timestamp until);

  std::uint64_t duplicates() const { return duplicates_; }

 private:
  void enqueue(const Call& call, Timestamp arrival);

  std::map<Timestamp, std::vector<Delivered>> waiting_;  // by stamp
  std::uint64_t duplicates_ = 0;
};

}  // namespace trailwarden::generate
