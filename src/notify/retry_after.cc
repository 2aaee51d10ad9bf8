#include "notify/retry_after.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

#include "core/text.h"

namespace trailwarden::notify {
namespace {

using std::chrono::seconds;

constexpr seconds kMost{86'400};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// `Sun, 06 Nov 1994 08:49:37 GMT`, of which the name of the day says nothing.
std::optional<Timestamp> parse_date(std::string_view text) {
  if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' || text.substr(25) != " GMT") return std::nullopt;
  const auto month = std::ranges::find(kMonths, text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  return parse_event_time(fmt::format("{}-{:02}-{}T{}Z", text.substr(12, 4), month - kMonths.begin() + 1, text.substr(5, 2), text.substr(17, 8)));
}

}  // namespace

std::optional<seconds> parse_retry_after(std::string_view text, Timestamp now) {
  const bool is_number = !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (is_number) return seconds{std::min(parse_decimal<std::int64_t>(text).value_or(kMost.count()), kMost.count())};
  const auto date = parse_date(text);
  if (!date) return std::nullopt;
  return std::clamp(seconds{*date - now}, seconds{0}, kMost);
}

}  // namespace trailwarden::notify
