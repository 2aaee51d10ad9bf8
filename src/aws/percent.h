#pragma once

#include <string>
#include <string_view>

namespace trailwarden::aws {

/// RFC 3986: every byte but unreserved characters as %XX, in capitals, as signatures want it.
std::string percent_encoded(std::string_view text);

/// The same of a path: slashes stay.
std::string percent_encoded_path(std::string_view path);

/// %XX as the byte; what is no escape stays as it is, and so does `+`.
std::string percent_decoded(std::string_view text);

}  // namespace trailwarden::aws
