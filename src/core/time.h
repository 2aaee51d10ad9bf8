#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trailwarden {

/// A point of event time: UTC, whole seconds, as CloudTrail's `eventTime`.
using Timestamp = std::chrono::sys_seconds;

/// A point of the log's own clock: Kafka's LogAppendTime, or the stamp in a delivered file's name.
using AppendTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// Before every event; what a watermark is before it has seen anything.
inline constexpr Timestamp kBeginningOfTime{std::chrono::seconds{INT64_MIN / 4}};
/// After every event; what the watermark of a finished input is.
inline constexpr Timestamp kEndOfTime{std::chrono::seconds{INT64_MAX / 4}};

/// `YYYY-MM-DDTHH:MM:SSZ`, the one form CloudTrail writes; a real calendar date; no offset, no
/// fraction, no leap second. nullopt for anything else. ~5 ns, no allocation.
std::optional<Timestamp> parse_event_time(std::string_view text);

/// What a person may type for a time: the form above, `YYYY-MM-DDTHH:MMZ` or `YYYY-MM-DD`.
std::optional<Timestamp> parse_user_time(std::string_view text);

/// `YYYY-MM-DDTHH:MM:SSZ`. Years outside 0000..9999 are clamped to the nearest that can be written.
std::string format_time(Timestamp time);

/// Minutes since 1970-01-01T00:00Z, rounded down.
constexpr std::int64_t minute_of(Timestamp time) {
  return std::chrono::floor<std::chrono::minutes>(time).time_since_epoch().count();
}

/// "45 seconds", "5 minutes", "3 hours", "12 days": the largest unit that gives at least 2 of it, rounded down.
std::string describe(std::chrono::seconds duration);

}  // namespace trailwarden
