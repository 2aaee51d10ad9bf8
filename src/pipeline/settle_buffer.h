#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"
#include "event/cloudtrail_event.h"
#include "event/forgotten_principal.h"

namespace trailwarden::pipeline {

/// Records that some detector wants, held until their minute closes, so that detectors see them in the order of (event time,
/// eventID) whatever the order of arrival.
///
/// A replay settles: nobody waits for its alerts, and in return any arrival order inside the lateness bound gives the same alerts
/// (`docs/decisions/0004-settling.md`). A live engine does not: there an alert must leave with its record.
///
/// Bounded: beyond `kMaxHeld` records a cell gives the earliest ones out before their minute closes, which is counted. A binary heap:
/// O(log n) a record, no work for records that nobody wants.
class SettleBuffer {
 public:
  static constexpr std::size_t kMaxHeld = 16'384;

  struct Held {
    Timestamp time{};  // event time, clamped to the log's clock
    std::string event_id;
    std::string record;  // as received
    std::string origin;
    event::Place place;  // its origin is the string above
  };

  void hold(const event::CloudTrailEvent& event, Timestamp time);

  /// Takes out the earliest record if it is from before `minute`, or if there are more than kMaxHeld; false if there is none to give.
  bool take_before(std::int64_t minute, Held& out);

  std::uint64_t taken_early() const { return taken_early_; }
  std::size_t size() const { return heap_.size(); }

  /// Drops the records that name a principal, unjudged; how many.
  std::size_t forget(const event::ForgottenPrincipal& principal);

  void save(ByteWriter& out) const;
  Result<void> load(ByteReader& in);
  std::size_t memory_bytes() const;

 private:
  std::vector<Held> heap_;  // the earliest on top
  std::uint64_t taken_early_ = 0;
};

}  // namespace trailwarden::pipeline
