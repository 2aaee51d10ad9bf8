#include "trail/record_route.h"

#include <algorithm>

namespace trailwarden::trail {
namespace {

using event::EventCategory;

/// In which objects a trail has events of a category; nullopt: in none.
std::optional<ObjectKind> kind_of(EventCategory category) {
  switch (category) {
    case EventCategory::kManagement:
    case EventCategory::kData: return ObjectKind::kLog;
    case EventCategory::kNetworkActivity: return ObjectKind::kNetworkActivity;
    case EventCategory::kInsight: return ObjectKind::kInsight;
    case EventCategory::kAggregated:
    case EventCategory::kOther: break;
  }
  return std::nullopt;
}

}  // namespace

RecordRouter::RecordRouter(const TrailConfig& trail) : trail_(trail), selection_(trail.selectors) {}

std::optional<RecordRoute> RecordRouter::route(const event::CloudTrailEvent& event) const {
  const auto kind = kind_of(event.category);
  if (!kind) return std::nullopt;
  if (*kind == ObjectKind::kInsight ? !trail_.insights : !selection_.keeps(event)) return std::nullopt;

  const std::string_view account = event.recipient_account_id.empty() ? event.user_identity.account_id : event.recipient_account_id;
  const bool has_account = is_key_part(account), has_region = is_key_part(event.aws_region);
  if (has_account && !trail_.keeps_every_account() && account != trail_.account) return std::nullopt;
  if (has_region && !is_of_its_region(event.aws_region)) return std::nullopt;
  return RecordRoute{*kind, has_account ? account : trail_.fallback, has_region ? event.aws_region : trail_.fallback, !has_account || !has_region};
}

bool RecordRouter::is_of_its_region(std::string_view region) const {
  if (!trail_.is_multi_region) return region == trail_.home_region;
  return trail_.regions.empty() || std::find(trail_.regions.begin(), trail_.regions.end(), region) != trail_.regions.end();
}

}  // namespace trailwarden::trail
