#include "core/log.h"

#include <memory>

#include <nlohmann/json.hpp>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace trailwarden::log {
namespace {

/// spdlog does the locking, the clock and the levels; its patterns do not escape JSON, so the payload is made here.
spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("trailwarden", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_formatter(
        std::make_unique<spdlog::pattern_formatter>(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})", spdlog::pattern_time_type::utc));
    made->flush_on(spdlog::level::warn);
    return made;
  }();
  return *instance;
}

std::string quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void write(spdlog::level::level_enum level, std::string_view event, Fields fields) {
  if (!logger().should_log(level)) return;
  std::string line = "\"event\":" + quoted(event);
  for (const Field& field : fields) {
    line.append(",").append(quoted(field.key)).append(":");
    std::visit(
        [&line](const auto& value) {
          if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string_view>) line += quoted(value);
          else line += nlohmann::json(value).dump();
        },
        field.value);
  }
  logger().log(level, "{}", line);
}

}  // namespace

void debug(std::string_view event, Fields fields) { write(spdlog::level::debug, event, fields); }
void info(std::string_view event, Fields fields) { write(spdlog::level::info, event, fields); }
void warn(std::string_view event, Fields fields) { write(spdlog::level::warn, event, fields); }
void error(std::string_view event, Fields fields) { write(spdlog::level::err, event, fields); }

void set_level(Level level) {
  switch (level) {
    case Level::kDebug: return logger().set_level(spdlog::level::debug);
    case Level::kInfo: return logger().set_level(spdlog::level::info);
    case Level::kWarn: return logger().set_level(spdlog::level::warn);
    case Level::kError: return logger().set_level(spdlog::level::err);
    case Level::kOff: return logger().set_level(spdlog::level::off);
  }
}

}  // namespace trailwarden::log
