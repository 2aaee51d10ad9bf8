#pragma once

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

/// One JSON object a line on stderr: `{"time":...,"level":"warn","event":"ingest.bad_record",...}`.
/// `event` is a fixed dotted name. Never a line per record, never a secret. Thread-safe.
void debug(std::string_view event, Fields fields = {});
void info(std::string_view event, Fields fields = {});
void warn(std::string_view event, Fields fields = {});
void error(std::string_view event, Fields fields = {});

/// Lines below `level` are dropped. Default: info.
void set_level(Level level);

}  // namespace trailwarden::log
