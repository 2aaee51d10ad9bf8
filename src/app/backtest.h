#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "app/bucket.h"

namespace trailwarden::app {

/// The command line of `trailwarden backtest`.
struct BacktestArguments {
  std::vector<std::string> paths;
  std::string config, against;  // against: "" for every default
  std::string state;            // that both begin with
  std::string since, until;
  BucketAccess buckets;
  std::size_t limit = 10;       // alerts of each kind that are shown
  bool as_json = false;
};

/// `trailwarden backtest`: the same records by two configurations, and which alerts are added, removed and changed, by detector and for a week. Without records: what the thresholds of a state come to under each.
/// Nothing is written. An exit code.
int backtest(const BacktestArguments& arguments);

}  // namespace trailwarden::app
