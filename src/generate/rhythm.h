#pragma once

#include <chrono>
#include <cstdint>

#include "core/time.h"

namespace trailwarden::generate {

/// When an API is called: by a week's course, or by a timer.
enum class Rhythm : std::uint8_t { kFlat, kMixed, kOffice, kNightly, kFiveMinutes, kHourly, kDaily };

constexpr bool is_timer(Rhythm rhythm) { return rhythm >= Rhythm::kFiveMinutes; }

/// The time between two runs of a timer.
std::chrono::seconds period_of(Rhythm timer);

/// How busy `local`, a time on the account's own clock, is by a course that is no timer; 1 on the average of a week.
double level(Rhythm course, Timestamp local);

}  // namespace trailwarden::generate
