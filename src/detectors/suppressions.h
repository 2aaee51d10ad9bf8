#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/section.h"
#include "core/time.h"
#include "detectors/ip_prefix.h"
#include "event/finding.h"

namespace trailwarden::detectors {

/// Findings that somebody does not want to hear of, for a reason and until a day. What is empty holds for any; all of the rest has to hold.
struct Suppression {
  std::string name;                 // unique
  std::vector<std::string> rules;   // globs: a rule's id, or `detector` or `detector.what`
  std::string account, region;      // globs
  std::string principal;            // glob, of the ARN; without its session for a role
  std::string entity;               // glob, of what the finding is about
  std::vector<IpPrefix> addresses;  // of the caller
  std::optional<Timestamp> from, until;  // of the deciding record
  std::optional<std::pair<int, int>> minutes_of_day;  // UTC, [first, second); over midnight if the second is the smaller
  std::uint8_t weekdays = 0x7f;     // bit 0: Monday, UTC
  std::string reason, owner;
  Timestamp expires{};              // by the time of the record: a replay gives what was said then
};

/// `suppressions:` of the configuration. A suppression hides findings, never their effect on what is learned, and is counted by severity.
class Suppressions {
 public:
  /// Which one hides the finding: the first that fits and has not expired.
  std::optional<std::size_t> hiding(const event::Finding& finding, std::string_view account, std::string_view region) const;

  const std::vector<Suppression>& list() const { return list_; }
  bool empty() const { return list_.empty(); }

 private:
  friend Suppressions read_suppressions(const config::Section& top);
  std::vector<Suppression> list_;
};

/// Reads `suppressions:`, a list; what is wrong goes to the section's diagnostics: one without a reason, owner or expiry, or that would hide everything.
Suppressions read_suppressions(const config::Section& top);

/// The list as YAML, for `config show`.
std::string to_yaml(const Suppressions& suppressions);

}  // namespace trailwarden::detectors
