#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "baseline/cell_baseline.h"
#include "config/section.h"

namespace trailwarden::detectors {

/// A part of an account's series with settings of its own; globs (`*`, `?`), empty: any. The first scope that matches counts.
struct InsightScope {
  std::string account, region, event_source, event_name;
  baseline::ScopeSettings settings;
  std::string place;  // in the config file, for people
};

/// What part of an account's false Insights one of its Regions may cost; globs, empty: any. The first that matches counts.
struct RegionShare {
  std::string account, region;
  double share = 1;
};

/// `insights:` of the configuration.
struct InsightsConfig {
  bool enabled = true;
  double false_insights_per_week = 1;  // that an account may cost
  double active_regions = 1;  // a Region that `region_shares` does not name gets an equal part
  bool call_rate = true, error_rate = true;
  std::chrono::seconds warm_up = std::chrono::hours{72};
  std::size_t max_series = baseline::BaselineSettings{}.max_rows;  // of calls, and of errors, in one account and Region
  int start_window_minutes = 0;  // 0: the true duration; 5: as AWS prints a Start
  std::vector<RegionShare> region_shares;
  std::vector<InsightScope> scopes;
};

/// Reads `insights:`; what is wrong goes to the section's diagnostics.
InsightsConfig read_insights(const config::Section& section);

/// The effective `insights:` as YAML.
std::string to_yaml(const InsightsConfig& config);

}  // namespace trailwarden::detectors
