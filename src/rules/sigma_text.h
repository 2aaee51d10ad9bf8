#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/leaf_test.h"

// Texts of Sigma rules as globs, and what modifiers make of them: spec/sigma.md sections 4 and 5.
namespace trailwarden::rules {

/// A text as a rule writes it: `*` is any run of characters, `?` exactly one; `\*`, `\?` and `\\` stand for the character behind the backslash, and a
/// backslash before anything else for itself. Case-sensitive until someone says otherwise.
Glob parse_sigma_text(std::string_view written);

bool has_wildcard(const Glob& text);

/// Lets any text stand in front of, or behind, what the glob accepts.
void open_front(Glob& text);
void open_back(Glob& text);

/// What `front` accepts with what `back` accepts behind it.
Glob concatenate(Glob front, const Glob& back);

/// `base64offset`: what the bytes become in Base64 when 0, 1 or 2 bytes stand in front of them, without the characters that their neighbours decide about.
std::vector<std::string> base64_offsets(std::string_view bytes);
std::string base64(std::string_view bytes);

enum class Utf16 { kLittleEndian, kBigEndian, kMarked };  // kMarked: little-endian behind a byte order mark

/// The bytes of `text`, which is UTF-8, in UTF-16.
std::string to_utf16(std::string_view text, Utf16 form);

/// `windash`: every way to write each `-` or `/` that begins a word as `-`, `/`, an en dash, an em dash or a horizontal bar. Stops, with one text too many,
/// behind `limit`.
std::vector<Glob> dash_variants(const Glob& text, std::size_t limit);

}  // namespace trailwarden::rules
