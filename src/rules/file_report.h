#pragma once

#include <string>
#include <utility>

#include "core/diagnostics.h"
#include "rules/yaml_tree.h"

namespace trailwarden::rules {

/// What is said about a rule file while it is read. An error refuses the document that it stands in; a warning refuses nothing.
struct FileReport {
  std::string file;
  Diagnostics errors, warnings;

  void error(YamlPlace at, std::string message) { errors.add(file, at.line, at.column, std::move(message)); }
  /// Whether so much is wrong that nobody would read more.
  bool is_full() const { return errors.size() >= 100; }
  void warn(YamlPlace at, std::string message) { warnings.add(file, at.line, at.column, std::move(message)); }
};

}  // namespace trailwarden::rules
