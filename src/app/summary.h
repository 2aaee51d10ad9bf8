#pragma once

#include <cstdint>
#include <string>

#include "pipeline/totals.h"

namespace trailwarden::app {

/// What a replay did, for the table at its end and for `--summary`.
struct RunSummary {
  pipeline::Totals totals;
  double seconds = 0;
  std::uint64_t peak_rss_bytes = 0;
  std::size_t origins = 0;  // files read, members of archives counted one by one
  bool interrupted = false;
};

/// Most resident memory of this process so far, in bytes.
std::uint64_t peak_rss_bytes();

/// The table for people.
std::string summary_table(const RunSummary& summary);

/// The knob, `insights.false_insights_per_week`, asked and got, for people.
std::string knob_table(const pipeline::Totals& totals);

/// The same as one JSON object, `models/schemas/summary.schema.json`.
std::string summary_json(const RunSummary& summary);

}  // namespace trailwarden::app
