#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace trailwarden::rules {

/// The longest timespan a rule may name.
inline constexpr std::chrono::days kLongestTimespan{3660};

/// A whole number and its unit, one of s, m, h, d, w, M (2,629,746 s) and y (31,556,952 s): spec/sigma.md section 7. More than zero and at most
/// kLongestTimespan; nothing for any other text.
std::optional<std::chrono::seconds> parse_timespan(std::string_view text);

/// What parse_timespan expects, for messages.
inline constexpr std::string_view kTimespanForm = "a time with its unit, as 90s, 15m, 2h, 7d or 4w";

}  // namespace trailwarden::rules
