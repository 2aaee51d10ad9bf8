#pragma once

#include <string>
#include <vector>

#include "app/setup.h"
#include "core/result.h"
#include "detectors/suppressions.h"
#include "pipeline/totals.h"

namespace trailwarden::app {

/// What a configuration says of history.
struct Preview {
  pipeline::Totals totals;
  std::vector<std::string> alerts;  // JSON, in the order of their decision
  double seconds = 0;
};

/// Plays records through the whole engine; nothing is written.
Result<Preview> preview_of(const Setup& setup, const std::vector<std::string>& paths);

/// Findings by rule and severity, a day, the principals that have most, and samples; for people.
std::string preview_table(const Preview& preview);

/// What each suppression hid, by severity; for people.
std::string hidden_table(const detectors::Suppressions& suppressions, const pipeline::Totals& totals);

}  // namespace trailwarden::app
