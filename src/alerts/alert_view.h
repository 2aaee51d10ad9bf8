#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/time.h"
#include "event/finding.h"

namespace trailwarden::alerts {

/// What whoever reads an alert asks of it, of whatever kind it is: routes, groups and formats of notifications, comparisons of runs. Texts are the alert's own; what it does not say is empty.
struct AlertView {
  std::string id, kind;      // kind: "finding", "summary", "trail", "insight"
  std::string detector, what, title, sentence, normal;
  std::string account, region, entity;
  std::string principal, source_address;
  std::string event_source, event_name, error_code;  // of an Insight's series
  std::string incident;      // shared by the Start and the End of an Insight; else empty
  std::string summarises;    // the id of the alert whose repeats this one counts
  bool is_start = false;     // of an incident
  bool is_end = false;
  event::Severity severity = event::Severity::kInformational;
  Timestamp time{};
  struct Technique {
    std::string id, name, tactic;
  };
  std::vector<Technique> attack;
  std::vector<std::string> event_ids;

  bool is_insight() const { return kind == "insight"; }
  /// Not so the end of what began, and a count of repeats.
  bool says_something_new() const { return kind == "finding" || is_start; }
};

/// Reads an EventBridge envelope as `render` writes it. kMalformed: it is none.
Result<AlertView> view_of(std::string_view json);

/// nullopt for any other word.
std::optional<event::Severity> severity_of(std::string_view word);

}  // namespace trailwarden::alerts
