#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"

namespace trailwarden::app {

/// What an alert says, as far as two runs are compared.
struct ToldAlert {
  std::string id;
  std::string detector;  // "ApiCallRateInsight", "root_use", a rule's id: who would be tuned
  std::string severity, sentence;
  std::string subject;   // of an Insight: account, Region, type, API and error code; of a finding: its id
  Timestamp decided{};
  bool is_insight = false;
};

/// nullopt for an End, a summary of repeats, or text that is no alert.
std::optional<ToldAlert> told_by(std::string_view alert);

/// The alerts of two runs over the same records. Findings are the same if their ids are: (account, Region, detector, entity, what, deciding eventID). A Start of an Insight goes with the nearest one of the
/// same series that is at most `kSameIncident` away: a threshold that moved tells of the same burst some calls earlier or later.
struct AlertComparison {
  static constexpr std::chrono::hours kSameIncident{1};

  struct Change {
    const ToldAlert* before;
    const ToldAlert* after;
    std::string what;  // "high, was medium; 40 s later"
  };
  std::vector<const ToldAlert*> added, removed;  // by time
  std::vector<Change> changed;
  std::size_t same = 0;
};

/// Points into both; O(n log n).
AlertComparison compare_alerts(const std::vector<ToldAlert>& before, const std::vector<ToldAlert>& after);

}  // namespace trailwarden::app
