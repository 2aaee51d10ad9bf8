#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace trailwarden::event {

/// Looks into JSON that is already known to be valid (a decoded record's raw members), without building anything: for the
/// one or two members that a filter needs. O(length) a call. For more, parse.

/// The value of `object`'s member `name`, as its raw JSON bytes; the last one if written twice; nullopt if `object` is not an object or has none.
std::optional<std::string_view> raw_member(std::string_view object, std::string_view name);

/// The text of a string member. Copies only to unescape; nullopt if absent or not a string.
std::optional<std::string> string_member(std::string_view object, std::string_view name);

/// The text between the quotes of a string member, escapes and all: enough to compare with names that need none. For filters: stops at
/// the member, so of one written twice it sees the first.
std::optional<std::string_view> plain_member(std::string_view object, std::string_view name);

/// Takes the next element off the front of `rest`, a JSON array at first and what is behind the element afterwards; nullopt at the end, or if it is no array.
std::optional<std::string_view> take_element(std::string_view& rest);

/// A member of an object, raw: its name as it stands between the quotes, its value as JSON.
struct RawMember {
  std::string_view name, value;
};
/// The same for the members of a JSON object.
std::optional<RawMember> take_member(std::string_view& rest);

/// Appends the text of the JSON string `quoted` (with its quotes), which must be valid.
void unescape_to(std::string_view quoted, std::string& out);

}  // namespace trailwarden::event
