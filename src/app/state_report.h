#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "app/setup.h"
#include "core/result.h"
#include "core/time.h"
#include "pipeline/cell.h"
#include "pipeline/state_file.h"
#include "pipeline/totals.h"

namespace trailwarden::app {

/// Settings that any cell can be loaded with, whatever configuration it is of: every detector on, and room for the longest lateness.
pipeline::CellSettings roomy_settings(const Setup& setup);

/// A cell from a state file. `settings` outlive it. kMalformed with its name.
Result<std::unique_ptr<pipeline::Cell>> load_cell(const pipeline::CellSettings& settings, const pipeline::SavedCell& saved);

/// How much a cell, or several, have learned.
struct Learned {
  std::size_t series = 0, past_warm_up = 0, incidents = 0;
  std::optional<Timestamp> since, until;  // minutes: the first that was watched, the newest that has a call

  void add(const pipeline::Cell& cell, std::chrono::seconds warm_up);
  void add(const Learned& other);
};

/// "2026-01-05T00:00Z to 2026-01-25T23:59Z"; "no calls" without.
std::string span_in_words(const Learned& learned);

/// What `warm` did.
struct WarmSummary {
  pipeline::Totals totals;
  Learned learned;
  std::chrono::seconds warm_up{};
  double seconds = 0;
  std::string source;  // "24 files"
  std::string file;
  Timestamp newest = kBeginningOfTime;
};

/// The table for people.
std::string warm_table(const WarmSummary& summary);

}  // namespace trailwarden::app
