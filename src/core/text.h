#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace trailwarden {

/// The candidate nearest to `word` by edit distance (Damerau, adjacent transpositions), if it is near enough to be meant
/// (at most a third of the word, rounded up); else empty.
std::string_view closest(std::string_view word, std::span<const std::string_view> candidates);

/// Whether `text` matches `pattern`, where `*` is any run of characters and `?` any one byte. Case-sensitive.
/// O(pattern x text) at worst, no allocation.
bool glob_match(std::string_view pattern, std::string_view text);

/// The whole text as a decimal integer; nothing if it is empty, has anything else in it, or does not fit.
template <std::integral Number>
std::optional<Number> parse_decimal(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// How many bytes at the beginning of `text` are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
std::size_t valid_utf8_prefix(std::string_view text);
inline bool is_utf8(std::string_view text) { return valid_utf8_prefix(text) == text.size(); }

/// "1,234,567".
std::string with_commas(std::uint64_t number);

/// "17.3 MB": decimal units, three significant digits.
std::string format_bytes(double bytes);

/// The first `most` of them with spaces between; " and 3 more" behind, where there are.
std::string first_of(std::span<const std::string> words, std::size_t most);

/// Text from outside, safe to print on a terminal: control characters and DEL become `\xNN`; longer than `limit`
/// bytes is cut with "...".
std::string printable(std::string_view text, std::size_t limit = 200);

}  // namespace trailwarden
