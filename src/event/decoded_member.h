#pragma once

#include <optional>
#include <string_view>

#include "event/cloudtrail_event.h"

namespace trailwarden::event {

/// Where the decoder puts what a record has at a path: one of the two.
struct DecodedMember {
  std::string_view CloudTrailEvent::*of_event = nullptr;
  std::string_view UserIdentity::*of_identity = nullptr;
  bool is_raw = false;  // JSON text; else the text of a string, number or boolean

  std::string_view text(const CloudTrailEvent& event) const { return of_event != nullptr ? event.*of_event : event.user_identity.*of_identity; }
};

/// Of a path like `userIdentity.sessionContext.sessionIssuer.arn`. nullopt where the decoder keeps nothing, or not as text: times and flags.
std::optional<DecodedMember> decoded_member(std::string_view path);

}  // namespace trailwarden::event
