#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/time.h"

namespace trailwarden::app {

/// The time that a command line's option gives, in one of the forms of `parse_user_time`; nothing: it was not given. `name`: of the option, for the error (kInvalidArgument).
Result<std::optional<Timestamp>> time_option(std::string_view name, const std::string& text);

}  // namespace trailwarden::app
