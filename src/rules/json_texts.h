#pragma once

#include <string>
#include <string_view>

#include "event/json_walk.h"
#include "rules/json_value.h"

namespace trailwarden::rules {

/// Goes over JSON that is known to be valid, token by token: `mark(char)` for `{}[]:,`, `string(inside, escaped)` for what stands between quotes, `is_name` told by a
/// last argument, and `scalar(text)` for numbers and literals.
template <class Mark, class String, class Scalar>
void for_each_token(std::string_view json, Mark mark, String string, Scalar scalar) {
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; };
  for (std::size_t at = 0; at < json.size();) {
    const char c = json[at];
    if (is_space(c)) {
      ++at;
    } else if (c == '"') {
      std::size_t close = at + 1;
      bool escaped = false;
      for (; json[close] != '"'; ++close) {
        if (json[close] != '\\') continue;
        escaped = true;
        ++close;
      }
      std::size_t behind = close + 1;
      while (behind < json.size() && is_space(json[behind])) ++behind;
      string(json.substr(at + 1, close - at - 1), escaped, behind < json.size() && json[behind] == ':');
      at = behind;
    } else if (std::string_view("{}[]:,").find(c) != std::string_view::npos) {
      mark(c);
      ++at;
    } else {
      std::size_t end = at + 1;
      while (end < json.size() && std::string_view(",]} \n\t\r").find(json[end]) == std::string_view::npos) ++end;
      scalar(json.substr(at, end - at));
      at = end;
    }
  }
}

/// Appends the text of a string's inside.
inline void append_unescaped(std::string_view inside, bool escaped, std::string& out) {
  const std::size_t before = out.size();
  out += inside;
  if (escaped) out.resize(before + event::unescape(inside, out.data() + before));
}

/// `compact_json` of JSON that is known to be valid. `scratch` is for strings with escapes.
inline void append_compact(std::string_view json, std::string& scratch, std::string& out) {
  for_each_token(
      json, [&out](char mark) { out += mark; },
      [&](std::string_view inside, bool escaped, bool) {
        if (!escaped) {
          out += '"';
          out += inside;
          out += '"';
          return;
        }
        scratch.clear();
        append_unescaped(inside, true, scratch);
        append_json_string(scratch, out);
      },
      [&out](std::string_view scalar) { out += scalar; });
}

/// Calls `text(view)` with the text of every scalar in valid JSON but null, names of members left out.
template <class Text>
void for_each_scalar_text(std::string_view json, std::string& scratch, Text text) {
  for_each_token(
      json, [](char) {},
      [&](std::string_view inside, bool escaped, bool is_name) {
        if (is_name) return;
        if (!escaped) return text(inside);
        scratch.clear();
        append_unescaped(inside, true, scratch);
        text(std::string_view(scratch));
      },
      [&text](std::string_view scalar) {
        if (scalar != "null") text(scalar);
      });
}

}  // namespace trailwarden::rules
