#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trailwarden::testing {

/// What of `json` does not match a schema of models/schemas, by file name; empty if all is well.
std::vector<std::string> schema_errors(std::string_view json, const std::string& schema_file);

/// The same for an alert.
inline std::vector<std::string> schema_errors(std::string_view alert) { return schema_errors(alert, "finding.schema.json"); }

}  // namespace trailwarden::testing
