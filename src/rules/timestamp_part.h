#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "rules/leaf_test.h"

namespace trailwarden::rules {

/// A part of a timestamp `YYYY-MM-DDTHH:MM:SS` (a space for the T; anything behind the seconds is not looked at; a date alone has no hour and no minute). No time
/// zone is converted. nullopt if the text is no such timestamp, or has not this part.
std::optional<std::int32_t> part_of_timestamp(std::string_view text, TimePart::Part part);

}  // namespace trailwarden::rules
