#pragma once

#include <optional>
#include <string_view>

namespace trailwarden::rules {

/// Whether the whole text is a number by the grammar of RFC 8259 section 6.
bool is_json_number(std::string_view text);

/// The binary64 value of a JSON number that is comparable: whose decimal value is that of the shortest text that reads back as the same binary64
/// (spec/event-patterns.md section 4). nullopt for one with more digits than binary64 keeps, or out of its range. Zero is never negative.
std::optional<double> comparable_number(std::string_view json_number);

}  // namespace trailwarden::rules
