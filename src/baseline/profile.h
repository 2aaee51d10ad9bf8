#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace trailwarden::baseline {

/// The hour-of-week profile of an API: how much busier than its level it is, hour by hour.
///
/// Stored as 8-bit codes, s = exp((code - 128) / 32), that is 0.018 to 53 in steps of 3 %: 168 of the hours of the week (hour 0 = Monday 00:00
/// UTC) and 48 of the hours of a weekday and of a weekend day, to which an hour that was seen seldom is shrunk.

inline constexpr std::size_t kHoursOfWeek = 168, kHoursOfDayTypes = 48;
inline constexpr std::uint8_t kFlatProfileCode = 128;  // s = 1

/// s of every code.
extern const std::array<float, 256> kProfileValue;

/// Where a minute lies in the profile. Values sit at mid-hour and are linear between.
struct ProfilePlace {
  std::size_t hour, next_hour;  // of the week
  float weight, next_weight;    // add up to 1
};
ProfilePlace profile_place(std::int64_t minute);

/// The hour of the week that `minute` lies in, split.
struct HourOfWeek {
  std::size_t hour, day, hour_of_day;  // day 0 = Monday
  bool weekend;
  std::size_t day_type_hour() const { return hour_of_day + (weekend ? 24 : 0); }
};
HourOfWeek hour_of_week(std::int64_t minute);

/// One hour of one API at its end.
struct ProfileHour {
  std::uint8_t code = kFlatProfileCode, day_type_code = kFlatProfileCode;
  double day_exposure = 0;       // E_day: decayed expected calls of this day of the week
  double day_type_exposure = 0;  // E_y: the same per hour of this day type
  double calls = 0;              // hx: learned calls of the hour
  double expected = 0;           // hl: calls the level alone expected
};

struct ProfileUpdate {
  double value, day_type_value;  // s', b'
  std::uint8_t code, day_type_code;
};

/// b' = (d_y (E_y+k) b + (1-d_y) k + hx) / (d_y E_y + hl + k) and s' = (d (E_h+k) s + (1-d) k b' + hx) / (d E_h + hl + k), k = 8 phi_60, rounded to
/// codes with a dither from `key` and the hour: a weekly step is often below one code, and plain rounding would never move.
/// `hour`: hours since 1970-01-01T00Z.
ProfileUpdate close_profile_hour(const ProfileHour& state, double phi60, bool weekend, std::uint64_t key, std::int64_t hour);

}  // namespace trailwarden::baseline
