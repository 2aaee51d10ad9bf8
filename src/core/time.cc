#include "core/time.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace trailwarden {
namespace {

/// The number that `width` ASCII digits at `text` spell, or -1.
int digits(const char* text, int width) {
  int value = 0;
  for (int i = 0; i < width; ++i) {
    const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
    if (digit > 9) return -1;
    value = value * 10 + static_cast<int>(digit);
  }
  return value;
}

std::optional<std::chrono::sys_days> parse_day(const char* text) {
  const int year = digits(text, 4), month = digits(text + 5, 2), day = digits(text + 8, 2);
  if (year < 0 || month < 0 || day < 0 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date};
}

}  // namespace

std::optional<Timestamp> parse_event_time(std::string_view text) {
  if (text.size() != 20 || text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != 'Z') return std::nullopt;
  const auto day = parse_day(text.data());
  const int hour = digits(text.data() + 11, 2), minute = digits(text.data() + 14, 2), second = digits(text.data() + 17, 2);
  if (!day || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return std::nullopt;
  return *day + std::chrono::hours{hour} + std::chrono::minutes{minute} + std::chrono::seconds{second};
}

std::optional<Timestamp> parse_user_time(std::string_view text) {
  std::string full(text);
  if (text.size() == 10) full += "T00:00:00Z";
  if (text.size() == 17 && text.back() == 'Z') full.insert(16, ":00");
  return parse_event_time(full);
}

std::string format_time(Timestamp time) {
  using namespace std::chrono;
  const Timestamp clamped = std::clamp(time, Timestamp{sys_days{year{0} / 1 / 1}},
                                       Timestamp{sys_days{year{9999} / 12 / 31}} + hours{24} - seconds{1});
  const sys_days day = floor<days>(clamped);
  const year_month_day date{day};
  const hh_mm_ss clock{clamped - day};
  std::array<char, 48> buffer{};
  const int length = std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                                   static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                   static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                                   static_cast<int>(clock.seconds().count()));
  return std::string(buffer.data(), static_cast<std::size_t>(length));
}

std::string describe(std::chrono::seconds duration) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  static constexpr std::array<Unit, 3> kUnits{{{86400, "day"}, {3600, "hour"}, {60, "minute"}}};
  const std::int64_t total = duration.count();
  const auto phrase = [](std::int64_t count, const char* name) {
    return std::to_string(count) + " " + name + (count == 1 ? "" : "s");
  };
  for (const Unit& unit : kUnits)
    if (total >= 2 * unit.seconds || (total == unit.seconds)) return phrase(total / unit.seconds, unit.name);
  return phrase(total, "second");
}

}  // namespace trailwarden
