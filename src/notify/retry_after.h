#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "core/time.h"

namespace trailwarden::notify {

/// The Retry-After header, RFC 9110 section 10.2.3: seconds, or a date in the form `Sun, 06 Nov 1994 08:49:37 GMT`. 0 for a date that has passed; nullopt for anything else. At most a day.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view text, Timestamp now);

}  // namespace trailwarden::notify
