#include "core/log.h"

#include <cstdlib>
#include <memory>
#include <mutex>

#include <nlohmann/json.hpp>
#include <pthread.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include "core/line_writer.h"

namespace trailwarden::log {
namespace {

void say_loss(std::uint64_t lines) { warn("log.dropped", {{"lines", lines}, {"total", dropped_lines()}}); }

/// Hands formatted lines to the thread that writes them.
class QueueSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  LineWriter& writer() { return writer_; }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    writer_.push(fmt::to_string(line));
  }
  void flush_() override {}

  LineWriter writer_{STDERR_FILENO, LineWriter::Bounds{}, say_loss};
};

/// spdlog does the locking, the clock and the levels; its patterns do not escape JSON, so the payload is made here.
struct Output {
  explicit Output(spdlog::level::level_enum level, const Output* of_parent = nullptr) : parent(of_parent) {
    logger.set_formatter(
        std::make_unique<spdlog::pattern_formatter>(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})", spdlog::pattern_time_type::utc));
    logger.set_level(level);
  }

  std::shared_ptr<QueueSink> sink = std::make_shared<QueueSink>();
  spdlog::logger logger{"trailwarden", sink};
  const Output* parent;  // of the process this one was forked from; left as it was
};

/// Never destroyed: threads may log until the very end.
Output*& current() {
  static Output* instance = [] {
    std::atexit([] { flush(); });
    // The child has neither the thread nor, perhaps, free locks. Its parent writes what was queued.
    pthread_atfork(nullptr, nullptr, [] { current() = new Output(current()->logger.level(), current()); });
    return new Output(spdlog::level::info);
  }();
  return instance;
}

spdlog::logger& logger() { return current()->logger; }

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

bool flush(std::chrono::milliseconds limit) { return current()->sink->writer().flush(limit); }

std::uint64_t dropped_lines() { return current()->sink->writer().dropped(); }

}  // namespace trailwarden::log
