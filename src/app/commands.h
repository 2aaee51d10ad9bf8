#pragma once

#include <cstddef>
#include <string>

namespace trailwarden::app {

// The small commands. Each returns the exit code: 0 fine, 1 the work failed, 2 wrong usage or config.

/// `config check FILE [--against STATE]`: every error on standard error, one a line; with a state file also the scopes of `insights.scopes` that none of its series is in: 1.
int check_config(const std::string& file, const std::string& against = "");

/// `config show [FILE]`: the effective configuration as YAML that `config check` accepts.
int show_config(const std::string& file);

/// `detectors list [--json]`, from each detector's `info()`.
int list_detectors(bool as_json);

/// `alerts show FILE --limit N`: the most severe alerts of each detector in turn, for reading.
int show_alerts(const std::string& file, std::size_t limit);

}  // namespace trailwarden::app
