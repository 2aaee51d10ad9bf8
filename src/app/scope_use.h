#pragma once

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "detectors/insights_config.h"
#include "pipeline/cell.h"

namespace trailwarden::app {

/// A series as scopes see it.
struct KnownSeries {
  std::string account, region, event_source, event_name;
};

/// Adds the series of a cell.
void add_series(const pipeline::Cell& cell, std::vector<KnownSeries>& out);

/// What a scope of `insights.scopes` does to the series there are.
struct ScopeUse {
  std::size_t named = 0;  // by its globs
  std::size_t taken = 0;  // of them, those that no scope before it takes
  std::string problem;    // why it does nothing, with the nearest names; empty if it does something
};

/// Of each scope, in their order; the first that concerns a series takes it.
std::vector<ScopeUse> use_of_scopes(std::span<const detectors::InsightScope> scopes, std::span<const KnownSeries> series);

/// "account 1111*, event_name PutObject".
std::string scope_in_words(const detectors::InsightScope& scope);

}  // namespace trailwarden::app
