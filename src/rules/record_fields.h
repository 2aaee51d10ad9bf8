#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/cloudtrail_event.h"
#include "rules/json_value.h"

namespace trailwarden::rules {

/// The fields of one record that rules group by, count and speak of: paths, and the derived fields of docs/rules.md. Parses the record when the first path is
/// asked for: for records that matched, not for all.
class RecordFields {
 public:
  /// `decode`: paths whose strings are JSON documents. Both outlive this.
  RecordFields(const event::CloudTrailEvent& event, const std::vector<std::string>& decode) : event_(event), decode_(decode) {}

  /// The first value there is, elements of arrays in their order; a number or boolean by its text, a container as compact JSON. nullopt where there is none, or null.
  std::optional<std::string> text(std::string_view field) const;
  /// All of them, each once.
  std::vector<std::string> texts(std::string_view field) const;

 private:
  std::optional<std::string> derived(std::string_view field) const;
  std::optional<std::string_view> decoded(std::string_view field) const;
  /// Calls `visit` for each value at a path, until it says false. False if it did.
  template <class Visit>
  bool each_at(const JsonValue& from, std::string_view path, const std::string& here, Visit& visit) const;
  const JsonValue& record() const;

  const event::CloudTrailEvent& event_;
  const std::vector<std::string>& decode_;
  mutable std::optional<JsonValue> record_;
  mutable std::vector<std::unique_ptr<JsonValue>> documents_;  // that stood in strings
};

}  // namespace trailwarden::rules
