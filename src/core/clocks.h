#pragma once

#include <chrono>

#include "core/time.h"

namespace trailwarden {

/// Milliseconds of a clock that never goes back, since some moment. For pacing alone: it enters nothing that is written.
inline std::chrono::milliseconds steady_milliseconds() { return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()); }

/// What the machine's calendar says, for what others date by theirs: signatures, credentials, hours that are due. It enters no detection.
inline Timestamp wall_clock() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

}  // namespace trailwarden
