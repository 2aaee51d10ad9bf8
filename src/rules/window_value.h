#pragma once

#include <cstdint>
#include <optional>

#include "rules/correlation.h"
#include "rules/match_window.h"

namespace trailwarden::rules {

/// The most entries that the search for a sequence with joins looks at before it gives up.
inline constexpr std::uint32_t kMaxSequenceSteps = 10'000;

struct WindowValue {
  double value = 0;
  bool holds = false;
};

/// What a correlation over a window (any type but kFirstSeen and kAbsence) makes of the entries of one, in their order. nullopt: it has no value, as no entry
/// has a number. `gave_up` is counted up if a search was cut short; then the sequence counts as not there.
std::optional<WindowValue> window_value(const Correlation& correlation, MatchWindow::Entries entries, std::uint64_t& gave_up);

}  // namespace trailwarden::rules
