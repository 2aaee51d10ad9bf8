#include "app/time_option.h"

#include <fmt/format.h>

#include "core/text.h"

namespace trailwarden::app {

Result<std::optional<Timestamp>> time_option(std::string_view name, const std::string& text) {
  if (text.empty()) return std::optional<Timestamp>{};
  if (const auto time = parse_user_time(text)) return time;
  return fail(ErrorCode::kInvalidArgument, fmt::format("{} {}: not a time; write 2026-03-01T08:33:21Z, 2026-03-01T08:33Z or 2026-03-01", name, printable(text)));
}

}  // namespace trailwarden::app
