#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "core/result.h"
#include "detectors/detector.h"
#include "detectors/insights_config.h"
#include "detectors/rule_settings.h"
#include "detectors/silence_config.h"
#include "detectors/suppressions.h"
#include "pipeline/engine.h"
#include "notify/notify_config.h"
#include "pipeline/partition.h"
#include "rules/rule_reading.h"
#include "trail/trail_config.h"

namespace trailwarden::app {

/// Exit codes of every command.
inline constexpr int kFine = 0, kFailed = 1, kWrongUsage = 2;
inline constexpr int kFencedOut = 3;  // of `run`: another process has our transactional id

/// A config file, with its trails and the options of detectors, Insights and silences read, and its rules compiled.
struct Setup {
  config::Config config;
  std::vector<detectors::ConfiguredDetector> detectors;
  detectors::InsightsConfig insights;
  detectors::SilenceConfig silence;
  detectors::RuleConfig rule_config;
  detectors::PreparedRules rules;
  std::shared_ptr<const detectors::RuleSettings> rule_settings;  // null where no rule is on
  detectors::Suppressions suppressions;
  trail::TrailsConfig trails;
  notify::NotifyConfig notifications;
  std::string file;  // that it was read from
};

/// Reads a config file; "" for the defaults. An error has every complaint of the file, one a line.
Result<Setup> load_setup(const std::string& file);

/// What a config file says of the reading of rule files; "" for nothing. Rules of its own are not read. An error has every complaint of the file, one a line.
Result<rules::RuleReading> load_rule_reading(const std::string& file);

/// `live`, with everything that can be changed while a service runs as it is in `written`: what judges, and how much is logged.
Setup with_detection_of(const Setup& live, Setup written);

/// What is in effect, defaults included, as YAML. No secrets: a config has none.
std::string to_yaml(const Setup& setup);

/// Names what judgements depend on: the same for two configurations that detect alike. 16 hexadecimal digits.
std::string fingerprint(const Setup& setup);

/// What cells are made with. `settle`: whether records wait until their minute is closed.
pipeline::CellSettings cell_settings(const Setup& setup, bool settle);

/// Of a replay: the configuration's, one thread a core.
pipeline::EngineOptions engine_options(const Setup& setup);

/// What the partitions of a service are made with.
pipeline::PartitionSettings partition_settings(const Setup& setup);

/// kWrongUsage for what the user asked for, kFailed for what happened.
inline int exit_code_of(const Error& error) { return error.code == ErrorCode::kInvalidArgument ? kWrongUsage : kFailed; }

/// Prints an error on standard error; returns `code`.
int complain(const Error& error, int code);

/// One line of the program's log with what is doubtful about the rules, or was left out of them; none where nothing is.
void log_rule_warnings(const Setup& setup);

/// Sets the level of the program's log.
void set_log_level(const config::LogConfig& log);

}  // namespace trailwarden::app
