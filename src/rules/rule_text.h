#pragma once

#include <string>
#include <vector>

#include "core/diagnostics.h"

// The files that rules stand in, of whichever language.
namespace trailwarden::rules {

/// The *.yaml and *.yml files at and below a path, by name; a file by itself whatever its name. Hidden ones are none: a checkout has some, and Kubernetes keeps what it mounts
/// a second time in a hidden folder. What cannot be read goes to `errors`.
std::vector<std::string> rule_files_below(const std::string& root, Diagnostics& errors);

}  // namespace trailwarden::rules
