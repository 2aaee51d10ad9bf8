#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "notify/message.h"

namespace trailwarden::notify {

/// JSON in which `{{NAME}}` stands for a part of the message: a text, escaped for the inside of a JSON string, or with `{{alert}}` and `{{alerts}}` JSON as it is.
/// kInvalidArgument for a name that there is not, and where what comes of it is no JSON.
Result<void> check_template(std::string_view text);

/// Of a template that was checked.
std::string fill_template(std::string_view text, const MessageView& view);

}  // namespace trailwarden::notify
