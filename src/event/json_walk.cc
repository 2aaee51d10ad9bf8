#include "event/json_walk.h"

#include <cmath>
#include <cstdlib>
#include <string>

namespace trailwarden::event {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Value of four hexadecimal digits, or -1.
int hex4(const char* digits) {
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = digits[i];
    const int nibble = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (nibble < 0) return -1;
    value = value * 16 + nibble;
  }
  return value;
}

bool is_high_surrogate(int unit) { return unit >= 0xd800 && unit <= 0xdbff; }
bool is_low_surrogate(int unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

/// Length of the valid escape sequence at `text` (a surrogate pair is one), or 0.
std::size_t escape_length(std::string_view text) {
  if (text.size() < 2) return 0;
  if (std::string_view("\"\\/bfnrt").find(text[1]) != std::string_view::npos) return 2;
  if (text[1] != 'u' || text.size() < 6) return 0;
  const int unit = hex4(text.data() + 2);
  if (unit < 0 || is_low_surrogate(unit)) return 0;
  if (!is_high_surrogate(unit)) return 6;
  if (text.size() < 12 || text[6] != '\\' || text[7] != 'u' || !is_low_surrogate(hex4(text.data() + 8))) return 0;
  return 12;
}

std::size_t write_utf8(std::uint32_t code, char* out) {
  const auto tail = [code](int shift) { return static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) {
    out[0] = static_cast<char>(code);
    return 1;
  }
  if (code < 0x800) {
    out[0] = static_cast<char>(0xc0 | (code >> 6));
    out[1] = tail(0);
    return 2;
  }
  if (code < 0x10000) {
    out[0] = static_cast<char>(0xe0 | (code >> 12));
    out[1] = tail(6);
    out[2] = tail(0);
    return 3;
  }
  out[0] = static_cast<char>(0xf0 | (code >> 18));
  out[1] = tail(12);
  out[2] = tail(6);
  out[3] = tail(0);
  return 4;
}

/// One past the number that begins at `text`, by the grammar of RFC 8259 section 6; `text` itself if none does.
const char* number_end(const char* text, const char* limit) {
  const auto digits = [limit](const char* p) {
    while (p < limit && is_digit(*p)) ++p;
    return p;
  };
  const char* p = text + (*text == '-' ? 1 : 0);
  if (p >= limit || !is_digit(*p)) return text;
  p = *p == '0' ? p + 1 : digits(p);
  if (p < limit && *p == '.') {
    const char* const fraction = digits(p + 1);
    if (fraction == p + 1) return text;
    p = fraction;
  }
  if (p < limit && (*p == 'e' || *p == 'E')) {
    const char* exponent = p + 1;
    if (exponent < limit && (*exponent == '+' || *exponent == '-')) ++exponent;
    p = digits(exponent);
    if (p == exponent) return text;
  }
  return p;
}

/// Whether a double can hold the number. Without an exponent and below 300 characters it always can.
bool fits_a_double(const char* begin, const char* end) {
  const std::string_view number(begin, static_cast<std::size_t>(end - begin));
  if (number.size() < 300 && number.find_first_of("eE") == std::string_view::npos) return true;
  return std::isfinite(std::strtod(std::string(number).c_str(), nullptr));
}

}  // namespace

bool escapes_are_valid(std::string_view inside) {
  for (std::size_t at = inside.find('\\'); at != std::string_view::npos; at = inside.find('\\', at)) {
    const std::size_t length = escape_length(inside.substr(at));
    if (length == 0) return false;
    at += length;
  }
  return true;
}

JsonWalk::Token JsonWalk::escaped_string(Token token) {
  std::string_view inside;
  bool escaped = false;
  return string(token, inside, escaped);
}

JsonWalk::Token JsonWalk::number(Token token) {
  if (token >= end_) return fail(Refusal::kTruncated);
  const char* const begin = text_ + *token;
  const char* const end = number_end(begin, text_ + size_);
  if (end == begin || (numbers_ == Numbers::kFitADouble && !fits_a_double(begin, end))) return fail(Refusal::kNotJson);
  return ends_at(token, static_cast<std::size_t>(end - text_));
}

JsonWalk::Token JsonWalk::skip(Token token, std::size_t depth) {
  static_assert(Decoder::kMaxDepth <= 64, "one bit of `objects` a level");
  const char* const text = text_;
  const Token end = end_;
  const auto at = [text, end](Token t) { return t < end ? text[*t] : '\0'; };
  std::uint64_t objects = 0;  // the lowest bit is the innermost open container: 1 for an object
  std::size_t open = 0;       // containers of this value that are open
  while (true) {
    if ((objects & 1) != 0) {  // in an object: a name and a colon first
      if (at(token) != '"') return fail_at(token);
      if (at(token + 1) != ':') return fail_at(token + 1);
      if (has_backslash(token) && escaped_string(token) == nullptr) return nullptr;
      token += 2;
    }
    const char mark = at(token);
    if (mark == '"') {
      token = has_backslash(token) ? escaped_string(token) : token + 1;
      if (token == nullptr) return nullptr;
    } else if (mark == '{' || mark == '[') {
      if (depth + open >= Decoder::kMaxDepth) return fail(Refusal::kTooDeep);
      ++token;
      if (at(token) != (mark == '{' ? '}' : ']')) {
        objects = objects << 1 | (mark == '{' ? 1U : 0U);
        ++open;
        continue;
      }
      ++token;
    } else {
      token = literal_or_number(token);
      if (token == nullptr) return nullptr;
    }
    // Behind a value: on to the next one, or out of the containers that end here.
    while (true) {
      if (open == 0) return token;
      const char behind = at(token);
      if (behind == ',') break;
      if (behind != ((objects & 1) != 0 ? '}' : ']')) return fail_at(token);
      objects >>= 1;
      --open;
      ++token;
    }
    ++token;
  }
}

JsonWalk::Token JsonWalk::raw(Token token, std::size_t depth, std::string_view& text) {
  if (token >= end_) return fail(Refusal::kTruncated);
  const std::size_t begin = *token;
  const Token behind = skip(token, depth);
  if (behind == nullptr) return nullptr;
  // A container ends with the token just passed; a scalar with the last byte before the next token that is not whitespace.
  std::size_t end = behind[-1] + std::size_t{1};
  if (text_[begin] != '{' && text_[begin] != '[') {
    end = behind < end_ ? *behind : size_;
    while (is_space(text_[end - 1])) --end;
  }
  text = std::string_view(text_ + begin, end - begin);
  return behind;
}

std::size_t unescape(std::string_view inside, char* out) {
  static constexpr std::string_view kShort = "\"\\/bfnrt";
  static constexpr std::string_view kMeaning = "\"\\/\b\f\n\r\t";
  char* to = out;
  for (std::size_t i = 0; i < inside.size();) {
    if (inside[i] != '\\') {
      *to++ = inside[i++];
      continue;
    }
    if (const std::size_t at = kShort.find(inside[i + 1]); at != std::string_view::npos) {
      *to++ = kMeaning[at];
      i += 2;
      continue;
    }
    const int unit = hex4(inside.data() + i + 2);
    if (!is_high_surrogate(unit)) {
      to += write_utf8(static_cast<std::uint32_t>(unit), to);
      i += 6;
      continue;
    }
    const int low = hex4(inside.data() + i + 8);
    to += write_utf8(0x10000U + (static_cast<std::uint32_t>(unit - 0xd800) << 10) + static_cast<std::uint32_t>(low - 0xdc00), to);
    i += 12;
  }
  return static_cast<std::size_t>(to - out);
}

}  // namespace trailwarden::event
