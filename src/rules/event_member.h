#pragma once

#include <optional>
#include <string_view>

#include "event/decoded_member.h"
#include "rules/slot_values.h"

// What a decoded event tells of its record, so that the record need not be read again.
namespace trailwarden::rules {

/// Where an event has what its record has at a path: a string, number or boolean. The text's `data()` is null if the record has no such member.
std::optional<event::DecodedMember> scalar_member(std::string_view path);

/// The value whose text such a member has. nullopt: it cannot be told (`null` and "" look alike).
std::optional<SlotValue> member_value(std::string_view text, const event::CloudTrailEvent& event);

}  // namespace trailwarden::rules
