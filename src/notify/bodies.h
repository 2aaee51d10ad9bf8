#pragma once

#include <cstddef>
#include <string>

#include "core/time.h"
#include "notify/message.h"

namespace trailwarden::notify {

/// The plain form of a message, one JSON object: `id`, `kind` (alerts or digest), `severity`, `title`, `sentence`, `count`; of the first alert `detector`, `what`, `account`, `region`, `entity` and
/// `time`; `counts` of what is not listed, and `alerts` as they are. Of these the last ones are left out, and counted in `omitted`, until it has at most `most_bytes`.
std::string alert_body(const MessageView& view, std::size_t most_bytes = SIZE_MAX);

/// For people, a few lines.
std::string text_body(const MessageView& view);

}  // namespace trailwarden::notify
