#include "generate/rhythm.h"

#include <array>
#include <cmath>

namespace trailwarden::generate {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kHoursOfWeek = 7 * 24;
using Week = std::array<double, kHoursOfWeek>;  // by hour since Monday 00:00

// Weights by hour of a working day: people come, have lunch, and leave; jobs run when they are away.
constexpr std::array<double, 24> kOfficeDay{2, 1, 1, 1, 1, 2,  5,  20, 60, 95, 100, 95,
                                            70, 80, 98, 95, 85, 60, 25, 12, 8,  6,  4,  3};
constexpr std::array<double, 24> kNightDay{60, 95, 100, 90, 60, 30, 12, 6, 4, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5, 8, 12, 20, 35};
constexpr double kOfficeWeekend = 0.08;

double weight(Rhythm course, std::size_t day, std::size_t hour) {
  const bool weekend = day >= 5;
  const double office = kOfficeDay[hour] * (weekend ? kOfficeWeekend : 1.0);
  if (course == Rhythm::kOffice) return office;
  if (course == Rhythm::kNightly) return kNightDay[hour];
  if (course == Rhythm::kMixed) return 30.0 + office;
  return 100.0 + office / 10.0;
}

/// The weights as shares of their mean.
Week week_of(Rhythm course) {
  Week week{};
  double sum = 0.0;
  for (std::size_t i = 0; i < kHoursOfWeek; ++i) sum += week[i] = weight(course, i / 24, i % 24);
  for (double& value : week) value *= static_cast<double>(kHoursOfWeek) / sum;
  return week;
}

}  // namespace

std::chrono::seconds period_of(Rhythm timer) {
  if (timer == Rhythm::kFiveMinutes) return 5min;
  return timer == Rhythm::kHourly ? std::chrono::seconds(1h) : std::chrono::seconds(24h);
}

double level(Rhythm course, Timestamp local) {
  static const std::array<Week, 4> kWeeks{week_of(Rhythm::kFlat), week_of(Rhythm::kMixed), week_of(Rhythm::kOffice),
                                          week_of(Rhythm::kNightly)};
  constexpr std::int64_t kWeek = 7 * 86400, kMonday = 4 * 86400;  // 1970-01-05 was a Monday
  const std::int64_t since_monday = (((local.time_since_epoch().count() - kMonday) % kWeek) + kWeek) % kWeek;
  const double hours = static_cast<double>(since_monday) / 3600.0;
  // Between the middles of two hours on a straight line, so that no hour begins with a step.
  const double middle = std::floor(hours - 0.5);
  const auto before = static_cast<std::size_t>(middle + static_cast<double>(kHoursOfWeek)) % kHoursOfWeek;
  const double way = hours - 0.5 - middle;
  const Week& week = kWeeks[static_cast<std::size_t>(course)];
  return week[before] * (1.0 - way) + week[(before + 1) % kHoursOfWeek] * way;
}

}  // namespace trailwarden::generate
