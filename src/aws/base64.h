#pragma once

#include <string>
#include <string_view>

namespace trailwarden::aws {

/// RFC 4648 section 4, with padding.
std::string base64(std::string_view bytes);

}  // namespace trailwarden::aws
