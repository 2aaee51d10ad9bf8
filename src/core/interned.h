#pragma once

#include <string_view>

namespace trailwarden {

/// A copy of the text that lives as long as the process, the same for equal texts. For names of which there are few: of rules, detectors, techniques. Thread-safe.
std::string_view interned(std::string_view text);

}  // namespace trailwarden
