#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace trailwarden::rules {

inline bool is_utf8_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

/// Bytes of the well-formed code point (Unicode 3.9, table 3-7) at the front of `text`; 0 if none stands there.
std::size_t utf8_length(std::string_view text);

/// The code point of the `utf8_length` bytes at the front of `text`.
char32_t utf8_decode(std::string_view text);

void append_utf8(char32_t code, std::string& out);

/// Orders UTF-8 texts as Java orders strings, by UTF-16 code units: differs from the order of bytes where a code point beyond U+FFFF meets one of U+E000 to U+FFFF.
bool less_in_utf16(std::string_view a, std::string_view b);

}  // namespace trailwarden::rules
