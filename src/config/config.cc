#include "config/config.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/read_file.h"

namespace trailwarden::config {
namespace {

using namespace std::chrono_literals;

/// Every key at the top, now and in the versions that are planned.
constexpr std::array<std::string_view, 21> kTopKeys{"version", "time",     "shards", "insights", "silence", "detectors", "rules", "suppressions", "input", "output", "kafka",
                                                    "embedded", "trails",  "roles",  "workers",  "http",      "api", "notifications", "sinks", "state",        "log"};
/// Of them, those that this version knows.
constexpr std::array<std::string_view, 20> kBuilt{"version", "time", "shards", "insights", "silence", "detectors", "rules", "suppressions", "input", "output", "kafka", "embedded", "trails", "roles", "workers", "http", "api", "notifications", "state", "log"};

void report_reserved(const Section& top) {
  for (const std::string_view key : kTopKeys)
    if (top.has(key) && std::find(kBuilt.begin(), kBuilt.end(), key) == kBuilt.end())
      top.report_key(key, fmt::format("{}: this key is reserved for a later version, and this one would ignore it: take it out", key));
}

void read_time(const Section& section, TimeConfig& time) {
  static constexpr std::array<std::string_view, 3> kKeys{"lateness", "future_skew", "order"};
  static constexpr std::array<std::string_view, 2> kOrders{"event_time", "arrival"};
  section.only(kKeys);
  time.lateness = section.duration("lateness", time.lateness, 1min, 2h);
  time.future_skew = section.duration("future_skew", time.future_skew, 0s, 1h);
  time.order = section.choice("order", time.order, kOrders);
}

void read_input(const Section& section, InputConfig& input) {
  static constexpr std::array<std::string_view, 2> kKeys{"max_document", "max_record"};
  section.only(kKeys);
  input.max_document_bytes = section.bytes("max_document", input.max_document_bytes, 64 << 10, std::uint64_t{4} << 30);
  input.max_record_bytes = section.bytes("max_record", input.max_record_bytes, 1 << 10, std::uint64_t{64} << 20);
}

void read_output(const Section& section, OutputConfig& output) {
  static constexpr std::array<std::string_view, 1> kKeys{"max_message"};
  section.only(kKeys);
  // Chunks of saved state are half a MiB.
  output.max_message_bytes = section.bytes("max_message", output.max_message_bytes, 640 << 10, std::uint64_t{64} << 20);
}

void read_log(const Section& section, LogConfig& log) {
  static constexpr std::array<std::string_view, 1> kKeys{"level"};
  static constexpr std::array<std::string_view, 5> kLevels{"debug", "info", "warn", "error", "off"};
  section.only(kKeys);
  log.level = section.choice("level", log.level, kLevels);
}

}  // namespace

Config default_config() {
  Config config;
  config.diagnostics = std::make_shared<Diagnostics>();
  config.detectors = config.rules = config.top = config.silence = config.insights = Section::parse("", "", config.diagnostics);
  return config;
}

Config parse_config(std::string_view text, std::string_view file_name) {
  Config config = default_config();
  const Section top = Section::parse(text, file_name, config.diagnostics);
  if (!top.present()) return config;
  top.only(kTopKeys);
  report_reserved(top);
  if (!top.has("version")) top.report("version", "the first line must say which form this file has: `version: 1`");
  else top.integer("version", 1, 1, 1);
  read_time(top.section("time"), config.time);
  config.shards = static_cast<std::size_t>(top.integer("shards", static_cast<std::int64_t>(config.shards), 1, 1024));
  read_input(top.section("input"), config.input);
  read_output(top.section("output"), config.output);
  read_log(top.section("log"), config.log);
  config.service = read_service(top);
  config.insights = top.section("insights");
  config.silence = top.section("silence");
  config.detectors = top.section("detectors");
  config.rules = top.section("rules");
  config.top = top;
  return config;
}

Result<Config> load_config(const std::string& path) {
  const auto text = read_file(path, Section::kMaxFileBytes);  // of a larger one the parser says so
  if (!text) return fail(text.error());
  return parse_config(*text, path);
}

std::string join_lines(const Diagnostics& diagnostics) {
  std::string out;
  for (const std::string& line : diagnostics.lines()) out.append(out.empty() ? "" : "\n").append(line);
  return out;
}

std::string to_yaml(const Config& config) {
  return fmt::format(
      "version: 1\n"
      "time:\n  lateness: {}\n  future_skew: {}\n  order: {}\n"
      "shards: {}\n"
      "input:\n  max_document: {}\n  max_record: {}\n"
      "output:\n  max_message: {}\n"
      "log:\n  level: {}\n"
      "{}",
      format_duration(config.time.lateness), format_duration(config.time.future_skew), config.time.order, config.shards,
      format_size(config.input.max_document_bytes), format_size(config.input.max_record_bytes), format_size(config.output.max_message_bytes), config.log.level, to_yaml(config.service));
}

}  // namespace trailwarden::config
