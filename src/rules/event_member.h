#pragma once

#include <optional>
#include <string_view>

#include "event/cloudtrail_event.h"
#include "rules/slot_values.h"

namespace trailwarden::rules {

/// The member of a decoded event that holds what its record has at some path, so that the record need not be read again.
class EventMember {
 public:
  /// Holds nothing if the decoder does not keep that path, or not as the record has it.
  static EventMember of(std::string_view path);
  explicit operator bool() const { return of_event_ != nullptr || of_identity_ != nullptr; }

  /// As the event has it: a null `data()` if the record has no such member.
  std::string_view text(const event::CloudTrailEvent& event) const { return of_event_ != nullptr ? event.*of_event_ : event.user_identity.*of_identity_; }

  /// What the record has there: a string, number or boolean. nullopt: none of these, or it cannot be told (`null` and "" look alike).
  static std::optional<SlotValue> value(std::string_view text, const event::CloudTrailEvent& event);

 private:
  std::string_view event::CloudTrailEvent::*of_event_ = nullptr;
  std::string_view event::UserIdentity::*of_identity_ = nullptr;
};

}  // namespace trailwarden::rules
