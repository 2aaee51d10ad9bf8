#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/file_report.h"
#include "rules/yaml_tree.h"

namespace trailwarden::rules {

/// The members of one map of a rule file, with the types that the reader wants. A getter gives nothing for an absent member; for one of another type it
/// reports an error at the value and gives nothing, so that one reading finds every error. A member that is null counts as absent.
///
/// A look at a tree and a report that both outlive it. Cheap to copy.
class YamlFields {
 public:
  /// A node other than a map is an error ("`what`: expected `key: value` lines") and has no members.
  YamlFields(const YamlNode& map, std::string_view what, FileReport& report);

  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// The value, unless it is absent or null.
  const YamlNode* find(std::string_view key) const;
  /// Where to report what concerns `key`: its value, or the map if it has none.
  YamlPlace place(std::string_view key) const;

  /// Reports every key that is not in `known`, with the nearest known one as a suggestion.
  void only(std::span<const std::string_view> known) const;

  /// Any scalar, as written: an unquoted title may look like a number.
  std::optional<std::string> text(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t min, std::int64_t max) const;
  std::optional<double> number(std::string_view key, double min, double max) const;
  std::optional<std::chrono::seconds> timespan(std::string_view key) const;
  /// Which of `allowed` it is.
  std::optional<std::size_t> choice(std::string_view key, std::span<const std::string_view> allowed) const;
  /// A list of texts, or one text that stands for a list of it; empty if absent.
  std::vector<std::string> texts(std::string_view key) const;
  /// The items of a list, or one value that stands for a list of it.
  std::span<const YamlNode> items(std::string_view key) const;

  void error(std::string_view key, std::string message) const { report_->error(place(key), std::move(message)); }
  void warn(std::string_view key, std::string message) const { report_->warn(place(key), std::move(message)); }

 private:
  std::optional<std::string_view> scalar(std::string_view key, std::string_view expected) const;

  const YamlNode* map_;
  FileReport* report_;
};

/// `, did you mean "nearest"?`, or nothing if no candidate is near.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace trailwarden::rules
