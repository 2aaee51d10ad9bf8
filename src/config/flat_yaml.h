#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trailwarden::config {

/// A value of a YAML document, and where it stands.
struct FlatValue {
  std::string key;    // "time.lateness", "trails[main].epoch.length"; of a list of values: the list's
  std::string value;  // as YAML on one line
  bool operator==(const FlatValue&) const = default;
};

/// Every value of a document, in its order. Entries of a list of mappings go by what tells them apart: their name, id, rule, topic or principal, else the globs that say what
/// they are for; a list of mappings is also a value of its own, its entries' names, as their order may matter. Of a document that is not YAML: nothing.
std::vector<FlatValue> flat_yaml(std::string_view text);

}  // namespace trailwarden::config
