#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace trailwarden::trail {

/// Two lower-case digits a byte.
std::string to_hex(std::string_view bytes);

/// The bytes that pairs of digits in either case spell; nullopt if there is anything else in `text`.
std::optional<std::string> from_hex(std::string_view text);

/// Whether `text` is a SHA-256 in lower-case hexadecimal.
bool is_sha256_hex(std::string_view text);

}  // namespace trailwarden::trail
