#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "config/section.h"
#include "config/service_config.h"
#include "core/result.h"

namespace trailwarden::config {

/// `time:`: which clock counts.
struct TimeConfig {
  std::chrono::seconds lateness = std::chrono::minutes{15};  // how long a minute stays open for records that arrive later
  std::chrono::seconds future_skew = std::chrono::minutes{2};  // how far eventTime may be ahead of the log's clock before it is clamped
  std::string order = "event_time";  // "event_time": a replay's detectors see records in event-time order; "arrival": as they come
};

/// `input:`: bounds of what is read.
struct InputConfig {
  std::uint64_t max_document_bytes = std::uint64_t{256} << 20;  // one JSON document, inflated
  std::uint64_t max_record_bytes = std::uint64_t{1} << 20;
};

/// `output:`: bounds of what is written.
struct OutputConfig {
  std::uint64_t max_message_bytes = 1'000'000;  // of an alert, a dead letter or a late copy, with key and headers; what is larger is cut
};

/// `log:`: the program's own log on standard error.
struct LogConfig {
  std::string level = "info";
};

/// The whole configuration, typed. Detectors read their own options from `detectors` (`detectors::configure`),
/// `insights` (`detectors::read_insights`) and `silence` (`detectors::read_silence`), as they know them,
/// and the trail its `trails` (`trail::read_trails`); what they find wrong goes to the same diagnostics.
struct Config {
  TimeConfig time;
  std::size_t shards = 64;
  InputConfig input;
  OutputConfig output;
  LogConfig log;
  ServiceConfig service;
  Section insights, silence, detectors, rules;
  Section top;  // whose `suppressions` and `trails` are lists
  std::shared_ptr<Diagnostics> diagnostics;
};

Config default_config();

/// Reads a config file's text. Whatever is wrong is in `diagnostics`, and the default stands in its place.
Config parse_config(std::string_view text, std::string_view file_name);

/// Reads a file. kNotFound or kIo if it cannot be read; what is wrong in it is in `diagnostics`.
Result<Config> load_config(const std::string& path);

/// The lines of the diagnostics as one text.
std::string join_lines(const Diagnostics& diagnostics);

/// The effective configuration as YAML, without `trails:`, `insights:`, `silence:` and `detectors:`.
std::string to_yaml(const Config& config);

}  // namespace trailwarden::config
