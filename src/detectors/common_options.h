#pragma once

#include "detectors/detector.h"

namespace trailwarden::detectors {

/// Begins a detector's configuration: reads the options that all have, and reports keys that neither they nor the detector know.
ConfiguredDetector common(const config::Section& section, const DetectorInfo& info);

}  // namespace trailwarden::detectors
