#pragma once

#include <string>

namespace trailwarden::app {

/// The command line of `trailwarden explain`.
struct ExplainArguments {
  std::string state;             // file
  std::string config;            // best that of whoever decided: thresholds follow from it
  std::string alerts, id;        // a file of alerts, and which Insight of it; empty: the first
  std::string series;            // or SOURCE:NAME[:CODE], with what follows
  std::string account, region, at;
  bool as_json = false;
};

/// Why there was an Insight, or why not: what was expected of a series at a minute that a state file still knows, how unusual each channel found it, what that
/// was held against, and how many calls were missing. Exit codes as everywhere.
int explain(const ExplainArguments& arguments);

}  // namespace trailwarden::app
