#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/recorded_input.h"
#include "core/time.h"

namespace trailwarden::app {

/// The command line of `trailwarden replay`.
struct ReplayArguments {
  std::vector<std::string> paths;
  BucketAccess buckets;
  std::string config;                 // file; empty: defaults
  std::optional<std::string> alerts;  // file or `-`
  std::string quarantine, late, metrics;
  std::optional<std::string> summary;  // file or `-`
  std::size_t threads = 0;             // 0: one a core
  std::optional<std::size_t> shards;   // instead of the config's
  std::string since, until;
  std::string state;  // a state file to begin from
  bool progress = true;
};

/// Runs it; the exit code: 0 fine, 1 the work failed, 2 wrong usage or config.
int replay(const ReplayArguments& arguments);

/// The command line of `trailwarden warm`.
struct WarmArguments {
  std::vector<std::string> paths;
  BucketAccess buckets;
  std::string config;
  std::string out;      // the state file to write
  std::string state;    // one to begin from
  std::size_t threads = 0;
  std::string since, until;
  std::string from;     // instead of paths: "earliest" or a time, from which on the service's input topic is read
  bool progress = true;
};

/// Learns baselines from files, or from what a service's log still holds, says nothing, and keeps what was learned in a state file. Exit codes as everywhere.
int warm(const WarmArguments& arguments);

}  // namespace trailwarden::app
