#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

#include "http/pages.h"

namespace trailwarden::api {

/// Names of headers are the same in any case (RFC 9110 section 5.1). `name` is in lower case.
inline bool is_named(std::string_view header, std::string_view name) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::equal(header.begin(), header.end(), name.begin(), name.end(), [lower](char given, char known) { return lower(given) == known; });
}

inline std::size_t count_of(const http::Headers& headers, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count_if(headers, [name](const auto& header) { return is_named(header.first, name); }));
}

/// The first one's.
inline std::optional<std::string_view> value_of(const http::Headers& headers, std::string_view name) {
  const auto found = std::ranges::find_if(headers, [name](const auto& header) { return is_named(header.first, name); });
  return found == headers.end() ? std::nullopt : std::optional<std::string_view>(found->second);
}

}  // namespace trailwarden::api
