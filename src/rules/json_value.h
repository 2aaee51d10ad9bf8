#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace trailwarden::rules {

struct JsonMember;

/// A JSON value as it was written: members in order and with their repeats, numbers by their spelling. For patterns, and for reading one record plainly;
/// what reads every record is `SlotReader`.
struct JsonValue {
  enum class Kind : std::uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject } kind = Kind::kNull;
  std::size_t offset = 0;           // of its first byte in the text
  std::string text;                 // of a string, unescaped; of a number, as spelled
  std::vector<JsonValue> elements;  // of an array
  std::vector<JsonMember> members;  // of an object

  bool is_container() const { return kind == Kind::kArray || kind == Kind::kObject; }
};

struct JsonMember {
  std::string name;
  std::size_t offset = 0;  // of the name's quote
  JsonValue value;
};

struct JsonFault {
  std::size_t offset = 0;
  std::string message;
};

/// Parses a text that holds exactly one value, strictly by RFC 8259, with two bounds that `event::JsonWalk` has too: 64 levels, and no lone surrogates.
/// Numbers may have any size.
tl::expected<JsonValue, JsonFault> parse_json(std::string_view text);

/// The value without whitespace, members in order, strings with the fewest escapes, numbers as spelled.
std::string compact_json(const JsonValue& value);
/// JSON text without its layout: equal for equal values, wherever they stand. What is no JSON stays as it is.
std::string compacted(std::string_view json);

/// Appends the text of a JSON string with the fewest escapes, quotes included.
void append_json_string(std::string_view text, std::string& out);

/// `LINE:COLUMN` of a byte of `text`, both from 1; columns count code points.
std::string line_and_column(std::string_view text, std::size_t offset);

}  // namespace trailwarden::rules
