#pragma once

#include <string>
#include <vector>

#include "core/diagnostics.h"
#include "core/result.h"

// The files that rules stand in, of whichever language.
namespace trailwarden::rules {

/// The *.yaml and *.yml files at and below a path, by name; a file by itself whatever its name. Hidden ones are none: a checkout has some, and Kubernetes keeps what it mounts
/// a second time in a hidden folder. What cannot be read goes to `errors`.
std::vector<std::string> rule_files_below(const std::string& root, Diagnostics& errors);

/// A rule file's text; of one that is larger than `kMaxYamlBytes` so much that this shows. kIo or kNotFound if it cannot be read.
Result<std::string> read_rule_text(const std::string& path);

}  // namespace trailwarden::rules
