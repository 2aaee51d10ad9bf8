#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "event/finding.h"
#include "rules/file_report.h"
#include "rules/yaml_fields.h"

namespace trailwarden::rules {

enum class SigmaStatus { kStable, kTest, kExperimental, kDeprecated, kUnsupported };
std::string_view to_string(SigmaStatus status);

struct SigmaLogSource {
  std::string category, product, service;  // empty where it is not said
  bool operator==(const SigmaLogSource&) const = default;

  /// Whether CloudTrail records can be meant: aws, cloudtrail, or nothing said.
  bool covers_cloudtrail() const;
  /// Whether nothing of one contradicts the other.
  bool is_compatible_with(const SigmaLogSource& other) const;
};

/// What rules, correlations and filters say about themselves: spec/sigma.md section 2.
struct SigmaHead {
  std::string id, name, title, description;
  std::optional<event::Severity> level;
  std::optional<SigmaStatus> status;
  std::vector<std::string> tags;        // as written
  std::vector<std::string> techniques;  // of ATT&CK, from the tags, once each: "T1685.002"
  std::vector<std::string> tactics;     // "defense-evasion"
  std::vector<std::string> false_positives, references;
  SigmaLogSource log_source;
  std::vector<YamlMember> others;  // top-level members that mean nothing here
  std::string file;
  YamlPlace place;  // of the document
  std::uint64_t hash = 0;  // of its detection, correlation or filter: what it asks for

  /// What messages call it: its title, else its name, else its id.
  const std::string& label() const { return !title.empty() ? title : !name.empty() ? name : id; }
  /// Whether `reference`, in a correlation or filter, means it: its id, name or title.
  bool is_called(std::string_view reference) const { return !reference.empty() && (reference == id || reference == name || reference == title); }
};

/// Reads the head of a document; `body` is the member that the caller reads. What is wrong is reported; the head is then as far as it could be read.
SigmaHead parse_sigma_head(const YamlNode& document, std::string_view body, FileReport& report);

}  // namespace trailwarden::rules
