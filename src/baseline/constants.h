#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdint>
#include <string>

namespace trailwarden::baseline {

/// The parameters of the baseline model: symbols, values, units and reasons are those of docs/baseline.md, "Constants". They
/// were calibrated together; their hash stands in every Insight's evidence, so that an alert says which model made it.

/// Scan windows [minutes], shortest first.
inline constexpr std::array<int, 5> kWindows{1, 5, 15, 60, 240};
inline constexpr std::size_t kWindowCount = kWindows.size();

// Levels: a decayed Gamma-Poisson estimate on two clocks.
inline constexpr double kFastHalfLifeDays = 4, kSlowHalfLifeDays = 14;
inline constexpr float kPriorCalls = 0.3F, kPriorMinutes = 30.0F;  // what a level is before any data
inline constexpr float kSlowWeight = 20.0F;                        // the slow estimate is worth 20 phi_60 calls

// Profile: codes of s = exp((code - 128) / 32).
inline constexpr double kProfileHalfLifeDays = 21;
inline constexpr double kProfileShrinkage = 8;  // times phi_60 [calls]

// Dispersion of the windows.
inline constexpr double kDispersionHalfLifeDays = 14;
inline constexpr float kDispersionWeight = 6.0F;                             // [calls]
inline constexpr float kColdInflation = 0.6F;                                // of the prior, for calls
inline constexpr std::array<float, kWindowCount> kDispersionPrior{1.5F, 1.7F, 2.0F, 2.5F, 3.5F};
inline constexpr float kModelError = 0.06F;                                  // profile and level are never better than 6 %
inline constexpr float kScreenUp = 2.0F, kScreenDown = 2.2F;                 // [sd]; speed only, far below the peak level

// Tails: peaks over threshold with a Lomax predictive.
inline constexpr double kWindowPeakLevel = 7, kClockPeakLevel = 5;  // [nat]: of window channels; of CUSUM and gap
inline constexpr double kTailHalfLifeDays = 28;
inline constexpr double kPriorPeaks = 0.5, kPriorWeeks = 0.25, kTailShape = 4, kTailScale = 3, kMaxTailPeaks = 6;
inline constexpr double kChannelsPerDirection = 6.5;

// CUSUM of slow shifts, every five minutes; gaps between calls.
inline constexpr float kCusumUp = 1.8F, kCusumDown = 0.45F, kCusumLeak = 0.9994F, kCusumFloor = -30.0F, kCusumCeiling = 150.0F;
inline constexpr int kGapMemory = 40;
// 28 hours without what every 28 hours had: the calls of a daily job.
inline constexpr int kBlockMinutes = 120;
inline constexpr double kLeastLow = 5, kMostOfLow = 0.5;  // calls that they held at least; what part of that is too few
inline constexpr int kLowMinutes = 14 * 1440;             // of age, before which nothing is known of weeks
inline constexpr int kLowAdoptionSteps = 84;              // of two hours
inline constexpr double kRegularClock = 12;  // below, calls at random look like a clock by chance, and every quiet night like a missed run (decision 0008)

// What a series' own record adds to its tails, and how many false alarms that is (models/baseline/card.md).
inline constexpr std::int64_t kRecordDelay = 240;      // minutes: what is younger is no record yet
inline constexpr std::int64_t kRecordEpochDays = 28;  // a record stands for one to two of these
inline constexpr double kRecordFloor = -3, kRecordCeiling = 8;     // of the evidence of a record
inline constexpr double kRecordWeight = 0.6;                      // decades for one of it
inline constexpr double kRecordMinutes = 14 * 1440;               // of age, from which on breaking a record counts in full
inline constexpr double kDownwardDecades = 2;                     // what downward scores get instead, unless calls have paused as long before
inline constexpr double kLongerGap = 1.2;                         // times the longest gap on record is longer than that
// Who calls: decades for a caller that is new to the account-Region, where callers have been watched long enough, and off for one at work on many APIs.
inline constexpr double kCallerDecades = 1;
inline constexpr std::int64_t kCallerMinutes = 15, kNewCallerMinutes = 1440, kWatchedMinutes = 7 * 1440;
inline constexpr std::size_t kManyApis = 4;
inline constexpr double kCalibratedRate = 0.2, kCalibratedPower = 0.29;  // false alarms a week of one series: 0.2 x (combined tail)^0.29
inline constexpr unsigned kUpwardCost = 5, kDownwardCost = 1;     // how directions share the budget: downwards little that is false is said

// Learning and incidents.
inline constexpr double kGateLevel = 4e-3;    // false alarms a week
inline constexpr float kGatedLearning = 0.05F;
inline constexpr int kHoldMinutes = 5, kRefractoryMinutes = 15, kAdoptionMinutes = 1440;
inline constexpr double kEarlyMargin = 1.25;  // so much clearer must be what is said before its minute closes, for the levels still move a little until then
inline constexpr float kColdMinutes = 720;    // exposure before the first test
inline constexpr float kAdoptionDecay = 0.998F;

/// All of the above, one a line: what `models/baseline/constants.txt` holds.
std::string constants_text();

/// Hash of that text, as hexadecimal: stands in every Insight's evidence.
std::string constants_hash();

}  // namespace trailwarden::baseline
