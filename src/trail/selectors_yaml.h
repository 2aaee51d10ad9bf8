#pragma once

#include <string>

#include "config/section.h"
#include "trail/event_selection.h"

namespace trailwarden::trail {

/// The selectors under `event_selectors` or `advanced_event_selectors` of a trail: the API's members in lower case with `_` between words. Default selectors if it has
/// neither; what is wrong goes to the section's diagnostics, at its place.
EventSelectors read_event_selectors(const config::Section& trail);

/// As YAML, `indent` spaces in.
std::string to_yaml(const EventSelectors& selectors, int indent);

}  // namespace trailwarden::trail
