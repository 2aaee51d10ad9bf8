#include "baseline/profile.h"

#include <algorithm>
#include <cmath>

#include "baseline/constants.h"
#include "baseline/portable_math.h"
#include "core/hash.h"

namespace trailwarden::baseline {
namespace {

constexpr std::int64_t kMinutesOfWeek = 7 * 1440;
constexpr std::int64_t kMondayOffset = 72 * 60;  // 1970-01-01 was a Thursday

std::int64_t floor_mod(std::int64_t value, std::int64_t modulus) { return ((value % modulus) + modulus) % modulus; }

double half_life_decay(double steps_per_half_life) { return portable_exp(-portable_log(2) / steps_per_half_life); }

std::array<float, 256> profile_values() {
  std::array<float, 256> values{};
  for (int code = 0; code < 256; ++code) values[static_cast<std::size_t>(code)] = static_cast<float>(portable_exp((code - 128) / 32.0));
  return values;
}

std::uint8_t encode(double value, double dither) {
  return static_cast<std::uint8_t>(std::clamp(std::floor(32 * portable_log(value) + 128 + dither), 0.0, 255.0));
}

}  // namespace

const std::array<float, 256> kProfileValue = profile_values();

ProfilePlace profile_place(std::int64_t minute) {
  // In minutes of the week, shifted so that the middle of an hour is a whole number of hours.
  const std::int64_t shifted = floor_mod(minute + kMondayOffset - 30, kMinutesOfWeek);
  const auto hour = static_cast<std::size_t>(shifted / 60);
  const float next_weight = static_cast<float>(shifted % 60) / 60.0F;
  return {hour, (hour + 1) % kHoursOfWeek, 1.0F - next_weight, next_weight};
}

HourOfWeek hour_of_week(std::int64_t minute) {
  const auto hour = static_cast<std::size_t>(floor_mod(minute + kMondayOffset, kMinutesOfWeek) / 60);
  return {hour, hour / 24, hour % 24, hour / 24 >= 5};
}

ProfileUpdate close_profile_hour(const ProfileHour& state, double phi60, bool weekend, std::uint64_t key, std::int64_t hour) {
  static const double kWeek = half_life_decay(kProfileHalfLifeDays / 7);
  static const double kWeekday = half_life_decay(kProfileHalfLifeDays / 1.4), kWeekendDay = half_life_decay(kProfileHalfLifeDays / 3.5);
  const double k = kProfileShrinkage * phi60;
  const std::uint64_t random = splitmix64(key ^ static_cast<std::uint64_t>(hour));
  const double type_dither = static_cast<double>(random >> 40) / 0x1p24, dither = static_cast<double>(random & 0xffffff) / 0x1p24;

  const double d_type = weekend ? kWeekendDay : kWeekday;
  const double type_exposure = state.day_type_exposure;
  const double old_type = static_cast<double>(kProfileValue[state.day_type_code]);
  const double type_value =
      (d_type * (type_exposure + k) * old_type + (1 - d_type) * k + state.calls) / (d_type * type_exposure + state.expected + k);

  const double exposure = state.day_exposure / 24;
  // A day of the week that was never completed has no value of its own.
  const double old = exposure > 0 ? static_cast<double>(kProfileValue[state.code]) : type_value;
  const double value =
      (kWeek * (exposure + k) * old + (1 - kWeek) * k * type_value + state.calls) / (kWeek * exposure + state.expected + k);
  return {value, type_value, encode(value, dither), encode(type_value, type_dither)};
}

}  // namespace trailwarden::baseline
