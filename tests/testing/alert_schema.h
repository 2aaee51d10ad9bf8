#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trailwarden::testing {

/// What of `json` does not match a schema of models/schemas, by file name; empty if all is well.
std::vector<std::string> schema_errors(std::string_view json, const std::string& schema_file);

/// The same for an alert: a finding or an Insight, as its source says.
inline std::vector<std::string> schema_errors(std::string_view alert) {
  const bool is_insight = alert.find(R"("source":"aws.cloudtrail","account")") != std::string_view::npos;
  return schema_errors(alert, is_insight ? "insight.schema.json" : "finding.schema.json");
}

}  // namespace trailwarden::testing
