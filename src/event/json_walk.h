#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "event/decoder.h"

namespace trailwarden::event {

/// Whether every escape in `inside` (between the quotes) is one of RFC 8259 and every surrogate has its partner.
bool escapes_are_valid(std::string_view inside);

/// Writes the text of the string whose inside (between the quotes, escapes already checked) is `inside`. Never longer than `inside`.
/// Returns the number of bytes written to `out`.
std::size_t unescape(std::string_view inside, char* out);

/// A strict reader over a token index: each step checks one value (or punctuation mark) and returns the token behind it.
///
/// simdjson's stage 1 has already checked UTF-8, control characters in strings and string ends; this checks everything
/// else that RFC 8259 asks for. A step that fails returns null, and `refusal()` says why.
///
/// The place is a pointer that the steps hand on, never a member: about 150 steps a record hang on one another, and through
/// memory each would wait for the store before it (measured: a tenth of the time of decoding).
class JsonWalk {
 public:
  /// A token of the index; null after a failure.
  using Token = const std::uint32_t*;

  /// Which numbers are refused beside those that RFC 8259 does not have.
  enum class Numbers : bool { kFitADouble, kAnySize };

  explicit JsonWalk(TokenIndex& index, Numbers numbers = Numbers::kFitADouble)
      : index_(index), text_(index.text().data()), end_(index.tokens().data() + index.tokens().size()), size_(index.text().size()), numbers_(numbers) {}

  Refusal refusal() const { return refusal_; }

  /// The first byte of a token; 0 at the end.
  char peek(Token token) const { return token < end_ ? text_[*token] : '\0'; }

  /// Steps over `mark`.
  Token expect(Token token, char mark) { return peek(token) == mark ? token + 1 : fail_at(token); }

  /// Steps over a string, whose first byte the caller has seen to be a quote. `inside`: the raw text between the quotes; its escapes,
  /// if there are any, are checked.
  Token string(Token token, std::string_view& inside, bool& escaped) {
    const std::size_t open = *token;
    const std::size_t next = position_behind(token);
    std::size_t close = next - 1;
    while (text_[close] != '"') --close;  // over whitespace only: anything else would be a token
    inside = std::string_view(text_ + open + 1, close - open - 1);
    escaped = index_.next_backslash(open) < close;
    if (escaped && !escapes_are_valid(inside)) return fail(Refusal::kNotJson);
    return token + 1;
  }

  /// Steps over a member's name and its colon.
  Token name(Token token, std::string_view& inside, bool& escaped) {
    if (peek(token) != '"') return fail_at(token);
    token = string(token, inside, escaped);
    return token == nullptr ? token : expect(token, ':');
  }

  /// Steps over any value, checked to its end. `depth` is the number of containers already open around it.
  Token skip(Token token, std::size_t depth);
  /// The same, quick for the strings that most values are.
  Token pass(Token token, std::size_t depth) { return peek(token) == '"' && !has_backslash(token) ? token + 1 : skip(token, depth); }
  /// The same, giving the value's text.
  Token raw(Token token, std::size_t depth, std::string_view& text);

  Token fail(Refusal refusal) {
    refusal_ = refusal;
    return nullptr;
  }
  /// kTruncated at the end of the tokens, else kNotJson.
  Token fail_at(Token token) { return fail(token >= end_ ? Refusal::kTruncated : Refusal::kNotJson); }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

  /// Where the token behind this one begins, or the text ends.
  std::size_t position_behind(Token token) const { return token + 1 < end_ ? token[1] : size_; }

  /// Whether the string that begins at `token` has an escape. Without one there is nothing to check in a string that is passed over:
  /// stage 1 has seen it closed, and whatever but whitespace stood behind it would be a token of its own.
  bool has_backslash(Token token) const { return index_.next_backslash(*token) < position_behind(token); }
  Token escaped_string(Token token);

  /// Steps over `true`, `false`, `null` or a number.
  Token literal_or_number(Token token) {
    switch (peek(token)) {
      case 't': return literal<4>(token, "true");
      case 'f': return literal<5>(token, "false");
      case 'n': return literal<4>(token, "null");
      default: return number(token);
    }
  }
  template <std::size_t kLength>
  Token literal(Token token, const char* word) {
    // Reading past the text's end is allowed by its padding, and `ends_at` refuses what reaches past it.
    if (std::memcmp(text_ + *token, word, kLength) != 0) return fail(Refusal::kNotJson);
    return ends_at(token, *token + kLength);
  }
  /// Steps over `token` if nothing but whitespace stands between `end` and the token behind it.
  Token ends_at(Token token, std::size_t end) {
    const std::size_t next = position_behind(token);
    if (end > next) return fail(Refusal::kTruncated);
    for (; end < next; ++end)
      if (!is_space(text_[end])) return fail(Refusal::kNotJson);
    return token + 1;
  }
  Token number(Token token);

  TokenIndex& index_;
  const char* const text_;
  const Token end_;
  const std::size_t size_;
  const Numbers numbers_;
  Refusal refusal_ = Refusal::kNone;
};

}  // namespace trailwarden::event
