#pragma once

#include <optional>
#include <string_view>

#include "event/cloudtrail_event.h"
#include "trail/event_selection.h"
#include "trail/trail_config.h"

namespace trailwarden::trail {

/// Of which object a record becomes part: views into the record and into the router's settings.
struct RecordRoute {
  ObjectKind kind = ObjectKind::kLog;
  std::string_view account, region;  // key parts
  bool is_fallback = false;          // the record does not say its account or Region, or one that cannot stand in a key
  bool operator==(const RecordRoute&) const = default;
};

/// Tells which records one trail keeps and where, as CloudTrail does: those of its accounts and Regions that its selectors keep, and Insights where they are on. Insights and network
/// activity go to objects of their own; aggregated events and what only event data stores have are kept by no trail.
///
/// The Region is the record's `awsRegion`, into which CloudTrail writes for global services the Region that records them: us-east-1 for IAM, CloudFront and
/// global STS. So a multi-Region trail has them under us-east-1, and one of another single Region does not have them.
///
/// A record whose account or Region is not known is left to the selectors alone, so that it is nowhere lost.
///
/// Cost: 33 ns with the default selectors, of which most goes into what may stand in a key; no allocation but what `EventSelection` says. Thread-safe: never changes.
class RecordRouter {
 public:
  explicit RecordRouter(const TrailConfig& trail);

  /// nullopt: the trail does not keep it.
  std::optional<RecordRoute> route(const event::CloudTrailEvent& event) const;

  /// Of a record that could not be decoded: every trail keeps it.
  RecordRoute route_of_undecodable() const { return {ObjectKind::kLog, trail_.fallback, trail_.fallback, true}; }

 private:
  bool is_of_its_region(std::string_view region) const;

  TrailConfig trail_;
  EventSelection selection_;
};

}  // namespace trailwarden::trail
