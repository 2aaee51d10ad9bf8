#pragma once

#include <span>
#include <string>
#include <vector>

#include "detectors/detector.h"

namespace trailwarden::detectors {

/// One row of the registry: what a detector is, and how its options become a factory. `configure` reports wrong
/// options through the section's diagnostics.
struct DetectorKind {
  const DetectorInfo& (*info)();
  ConfiguredDetector (*configure)(const config::Section& options);
};

/// Every detector there is, by name. Adding one is a line in `registry.cc`.
std::span<const DetectorKind> registry();

/// The options that every detector has: `enabled` (true) and `quiet_for` (1h).
std::span<const OptionInfo> common_options();

/// The enabled detectors of the config's `detectors:` section, in the registry's order. Reports through the section's diagnostics: an
/// unknown detector or option (with a suggestion), or a value of the wrong form.
std::vector<ConfiguredDetector> configure(const config::Section& section);

}  // namespace trailwarden::detectors
