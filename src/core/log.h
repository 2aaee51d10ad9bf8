#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace trailwarden::log {

enum class Level { kDebug, kInfo, kWarn, kError, kOff };

/// One `key: value` of a log line.
struct Field {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool> value;
};
using Fields = std::initializer_list<Field>;

/// One JSON object a line on stderr: `{"time":...,"level":"warning","event":"ingest.bad_record",...}`.
/// `event` is a fixed dotted name. Never a line per record, never a secret. Thread-safe.
///
/// Never waits for stderr, not for an error either: lines go to a queue of 8,192 (8 MB) that a thread of its own writes. If nobody reads the pipe
/// and the queue is full, new lines are dropped; `log.dropped` says how many once the rest is out. Whatever waits at exit has a second to leave;
/// a crash other than a failed check loses it.
/// After fork() the child starts with an empty queue.
void debug(std::string_view event, Fields fields = {});
void info(std::string_view event, Fields fields = {});
void warn(std::string_view event, Fields fields = {});
void error(std::string_view event, Fields fields = {});

/// Lines below `level` are not written. Default: info.
void set_level(Level level);

/// Waits until all lines so far are written; false if `limit` passes first.
bool flush(std::chrono::milliseconds limit = std::chrono::seconds{1});

/// Lines that were dropped because stderr did not take them, since the start.
std::uint64_t dropped_lines();

}  // namespace trailwarden::log
