#include "rules/timestamp_part.h"

#include <chrono>

#include "core/text.h"

namespace trailwarden::rules {
namespace {

using std::chrono::days, std::chrono::sys_days, std::chrono::year_month_day;

/// `width` digits at `at`, not above `max`; -1 if they do not stand there.
int digits(std::string_view text, std::size_t at, std::size_t width, int max) {
  if (at + width > text.size()) return -1;
  int value = 0;
  for (const char c : text.substr(at, width)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value <= max ? value : -1;
}

/// ISO 8601: the week that has the year's first Thursday is week 1; weeks begin on Monday.
int iso_week(sys_days day) {
  const auto since_monday = days{std::chrono::weekday(day).iso_encoding() - 1};
  const sys_days thursday = day - since_monday + days{3};
  const sys_days new_year = sys_days(std::chrono::year_month_day(thursday).year() / std::chrono::January / 1);
  return static_cast<int>((thursday - new_year) / days{7}) + 1;
}

}  // namespace

std::optional<std::int32_t> part_of_timestamp(std::string_view text, TimePart::Part part) {
  const int year = digits(text, 0, 4, 9999), month = digits(text, 5, 2, 12), day = digits(text, 8, 2, 31);
  if (year < 0 || month < 0 || day < 0 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const year_month_day date(std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)}, std::chrono::day{static_cast<unsigned>(day)});
  if (!date.ok()) return std::nullopt;
  int hour = -1, minute = -1;
  if (text.size() > 10) {
    hour = digits(text, 11, 2, 23);
    minute = digits(text, 14, 2, 59);
    const int second = digits(text, 17, 2, 60);
    if ((text[10] != 'T' && text[10] != ' ') || hour < 0 || minute < 0 || second < 0 || text[13] != ':' || text[16] != ':') return std::nullopt;
  }
  using Part = TimePart::Part;
  switch (part) {
    case Part::kMinute: return minute < 0 ? std::nullopt : std::optional(minute);
    case Part::kHour: return hour < 0 ? std::nullopt : std::optional(hour);
    case Part::kDay: return day;
    case Part::kWeek: return iso_week(sys_days(date));
    case Part::kMonth: return month;
    case Part::kYear: return year;
  }
  return std::nullopt;
}

}  // namespace trailwarden::rules
