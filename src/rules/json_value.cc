#include "rules/json_value.h"

#include <algorithm>
#include <cstdio>

#include "event/decoder.h"
#include "rules/utf8.h"

namespace trailwarden::rules {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A recursive descent over the text. A step that fails returns false, and `fault` says where and why.
class JsonParser {
 public:
  explicit JsonParser(std::string_view text) : text_(text) {}

  bool document(JsonValue& value) {
    space();
    if (!this->value(value, 0)) return false;
    space();
    return at_ == text_.size() || fail("text behind the end of the JSON value; remove it");
  }

  JsonFault fault;

 private:
  bool fail(std::string message) { return fail(at_, std::move(message)); }
  bool fail(std::size_t offset, std::string message) {
    fault = {offset, std::move(message)};
    return false;
  }
  bool unexpected(const std::string& wanted) {
    return fail(at_ == text_.size() ? "the JSON ends where " + wanted + " should stand" : wanted + " should stand here");
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }

  bool value(JsonValue& value, std::size_t depth) {
    value.offset = at_;
    switch (peek()) {
      case '{': return depth < event::Decoder::kMaxDepth ? object(value, depth) : too_deep();
      case '[': return depth < event::Decoder::kMaxDepth ? array(value, depth) : too_deep();
      case '"': value.kind = JsonValue::Kind::kString; return string(value.text);
      case 't': value.kind = JsonValue::Kind::kTrue; return word("true");
      case 'f': value.kind = JsonValue::Kind::kFalse; return word("false");
      case 'n': value.kind = JsonValue::Kind::kNull; return word("null");
      default: value.kind = JsonValue::Kind::kNumber; return number(value.text);
    }
  }

  bool too_deep() { return fail("nested deeper than 64 levels"); }

  bool object(JsonValue& value, std::size_t depth) {
    value.kind = JsonValue::Kind::kObject;
    ++at_;
    space();
    if (peek() == '}') return ++at_, true;
    for (bool more = true; more;) {
      if (peek() != '"') return unexpected("a name in quotes");
      JsonMember& member = value.members.emplace_back();
      member.offset = at_;
      if (!string(member.name)) return false;
      space();
      if (peek() != ':') return unexpected("a colon");
      ++at_;
      space();
      if (!this->value(member.value, depth + 1)) return false;
      if (!behind('}', more)) return false;
    }
    return true;
  }

  bool array(JsonValue& value, std::size_t depth) {
    value.kind = JsonValue::Kind::kArray;
    ++at_;
    space();
    if (peek() == ']') return ++at_, true;
    for (bool more = true; more;) {
      if (!this->value(value.elements.emplace_back(), depth + 1)) return false;
      if (!behind(']', more)) return false;
    }
    return true;
  }

  /// Steps over the comma to the next element (`more`), or over the bracket that closes.
  bool behind(char close, bool& more) {
    space();
    if (peek() != ',' && peek() != close) return unexpected(std::string("a comma or ") + close);
    more = text_[at_++] == ',';
    space();
    return !more || peek() != close || fail("a comma before the end; remove it");
  }

  bool word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return unexpected("a JSON value");
    at_ += word.size();
    return true;
  }

  bool number(std::string& out) {
    const std::size_t begin = at_;
    const auto digits = [this] {
      const std::size_t first = at_;
      while (is_digit(peek())) ++at_;
      return at_ > first;
    };
    if (peek() == '-') ++at_;
    if (!is_digit(peek())) return at_ = begin, unexpected("a JSON value");
    if (peek() == '0') {
      ++at_;
      if (is_digit(peek())) return fail(begin, "a number with a leading zero; JSON has none");
    } else {
      digits();
    }
    if (peek() == '.') {
      ++at_;
      if (!digits()) return unexpected("a digit");
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits()) return unexpected("a digit");
    }
    out = text_.substr(begin, at_ - begin);
    return true;
  }

  bool string(std::string& out) {
    const std::size_t open = at_++;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') return ++at_, true;
      if (static_cast<unsigned char>(c) < 0x20) return fail("a control character in a string; write it as an escape");
      if (c == '\\') {
        if (!escape(out)) return false;
        continue;
      }
      const std::size_t length = utf8_length(text_.substr(at_));
      if (length == 0) return fail("not valid UTF-8");
      out += text_.substr(at_, length);
      at_ += length;
    }
    return fail(open, "a string that is not closed");
  }

  bool escape(std::string& out) {
    static constexpr std::string_view kShort = "\"\\/bfnrt";
    static constexpr std::string_view kMeaning = "\"\\/\b\f\n\r\t";
    const std::size_t begin = at_;
    const char kind = begin + 1 < text_.size() ? text_[begin + 1] : '\0';
    if (const std::size_t found = kShort.find(kind); found != std::string_view::npos) {
      out += kMeaning[found];
      at_ += 2;
      return true;
    }
    const int unit = hex_unit();
    if (unit < 0) return fail(begin, "an escape that JSON does not have; a backslash itself is written \\\\");
    if (unit < 0xd800 || unit > 0xdfff) return append_utf8(static_cast<char32_t>(unit), out), true;
    const int low = unit < 0xdc00 ? hex_unit() : -1;
    if (low < 0xdc00 || low > 0xdfff) return fail(begin, "half of a surrogate pair");
    append_utf8(0x10000U + (static_cast<char32_t>(unit - 0xd800) << 10) + static_cast<char32_t>(low - 0xdc00), out);
    return true;
  }

  /// Steps over `\uXXXX`; -1 if that does not stand here.
  int hex_unit() {
    if (text_.size() - at_ < 6 || text_[at_] != '\\' || text_[at_ + 1] != 'u') return -1;
    int unit = 0;
    for (std::size_t i = at_ + 2; i < at_ + 6; ++i) {
      const char c = text_[i];
      const int nibble = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (nibble < 0) return -1;
      unit = unit * 16 + nibble;
    }
    at_ += 6;
    return unit;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

void append_compact(const JsonValue& value, std::string& out) {
  using Kind = JsonValue::Kind;
  switch (value.kind) {
    case Kind::kNull: out += "null"; return;
    case Kind::kFalse: out += "false"; return;
    case Kind::kTrue: out += "true"; return;
    case Kind::kNumber: out += value.text; return;
    case Kind::kString: append_json_string(value.text, out); return;
    case Kind::kArray:
      out += '[';
      for (const JsonValue& element : value.elements) {
        if (&element != &value.elements.front()) out += ',';
        append_compact(element, out);
      }
      out += ']';
      return;
    case Kind::kObject:
      out += '{';
      for (const JsonMember& member : value.members) {
        if (&member != &value.members.front()) out += ',';
        append_json_string(member.name, out);
        out += ':';
        append_compact(member.value, out);
      }
      out += '}';
      return;
  }
}

}  // namespace

tl::expected<JsonValue, JsonFault> parse_json(std::string_view text) {
  JsonParser parser(text);
  JsonValue value;
  if (!parser.document(value)) return tl::unexpected(std::move(parser.fault));
  return value;
}

std::string compact_json(const JsonValue& value) {
  std::string out;
  append_compact(value, out);
  return out;
}

std::string compacted(std::string_view json) {
  const auto value = parse_json(json);
  return value ? compact_json(*value) : std::string(json);
}

void append_json_string(std::string_view text, std::string& out) {
  static constexpr std::string_view kMeaning = "\"\\\b\f\n\r\t";
  static constexpr std::string_view kShort = "\"\\bfnrt";
  out += '"';
  for (const char c : text) {
    if (const std::size_t found = kMeaning.find(c); found != std::string_view::npos) {
      out += '\\';
      out += kShort[found];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      static constexpr std::string_view kHex = "0123456789abcdef";
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 0xf];
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string line_and_column(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::string_view line = before.substr(before.rfind('\n') + 1);  // npos + 1 is 0
  const auto columns = std::count_if(line.begin(), line.end(), [](char c) { return !is_utf8_continuation(c); });
  return std::to_string(lines + 1) + ":" + std::to_string(columns + 1);
}

}  // namespace trailwarden::rules
