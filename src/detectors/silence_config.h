#pragma once

#include <chrono>
#include <string>

#include "config/section.h"

namespace trailwarden::detectors {

/// `silence:` of the configuration. How many false alarms it may cost is part of the budget of Insights.
struct SilenceConfig {
  bool enabled = true;
  std::chrono::seconds warm_up = std::chrono::hours{168};  // of an account-Region before its silence means something: a week has a weekend in it
};

/// Reads `silence:`; what is wrong goes to the section's diagnostics.
SilenceConfig read_silence(const config::Section& section);

/// The effective `silence:` as YAML.
std::string to_yaml(const SilenceConfig& config);

}  // namespace trailwarden::detectors
