#pragma once

#include <cstdint>
#include <optional>

#include "rules/correlation.h"
#include "rules/match_window.h"

namespace trailwarden::rules {

struct WindowValue {
  double value = 0;
  bool holds = false;
};

/// What a correlation over a window (any type but kFirstSeen and kAbsence) makes of the entries of one, in their order, when `arrived` has come among them. nullopt: it
/// has no value, as no entry has a number. A sequence with joins holds only if `arrived` is part of it and it ends with the window; one that takes too long to find
/// counts as not there, and `gave_up` is counted up.
std::optional<WindowValue> window_value(const Correlation& correlation, MatchWindow::Entries entries, const WindowEntry& arrived, std::uint64_t& gave_up);

}  // namespace trailwarden::rules
