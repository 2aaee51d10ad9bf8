#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/time.h"
#include "event/finding.h"

namespace trailwarden::notify {

/// What routes, groups and formats ask of an alert, of whatever kind it is. Texts are the alert's own; what it does not say is empty.
struct AlertView {
  std::string id, kind;      // kind: "finding", "summary", "trail", "insight"
  std::string detector, what, title, sentence, normal;
  std::string account, region, entity;
  std::string principal, source_address;
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
};

/// Reads an EventBridge envelope as `alerts` writes it. kMalformed: it is none.
Result<AlertView> view_of(std::string_view json);

/// nullopt for any other word.
std::optional<event::Severity> severity_of(std::string_view word);

}  // namespace trailwarden::notify
