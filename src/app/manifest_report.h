#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "archive/manifest_check.h"

namespace trailwarden::app {

/// A line for each problem, then a table of the partitions and one of the trails.
std::string to_text(const archive::ManifestReport& report);
/// All of it; keys as in the struct, in camelCase.
nlohmann::ordered_json to_json(const archive::ManifestReport& report);

}  // namespace trailwarden::app
