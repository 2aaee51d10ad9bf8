#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace trailwarden::alerts {

/// A string as JSON. Records are valid UTF-8 by the time they get here; a file name need not be, and is repaired.
std::string json_text(std::string_view text);

/// A JSON object's text, member after member, in the order given. For what a JSON library would write anew: numbers whose spelling counts, records as received.
class ObjectText {
 public:
  ObjectText() = default;
  /// Goes on behind the members of an object's text.
  explicit ObjectText(std::string object) : text_(std::move(object)) { text_.pop_back(); }

  ObjectText& raw(std::string_view name, std::string_view json);
  ObjectText& text(std::string_view name, std::string_view value);
  ObjectText& number(std::string_view name, std::int64_t value);
  ObjectText& number(std::string_view name, double value);  // six significant digits
  ObjectText& flag(std::string_view name, bool value);
  std::string done() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

/// JSON texts as an array, made one by one.
class ArrayText {
 public:
  ArrayText& add(std::string_view json);
  std::string done() const { return text_ + "]"; }

 private:
  std::string text_ = "[";
};

}  // namespace trailwarden::alerts
