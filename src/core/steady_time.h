#pragma once

#include <chrono>

namespace trailwarden {

/// Milliseconds of a clock that never goes back, since some moment. For pacing alone: it enters nothing that is written.
inline std::chrono::milliseconds steady_milliseconds() { return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()); }

}  // namespace trailwarden
