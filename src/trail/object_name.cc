#include "trail/object_name.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace trailwarden::trail {
namespace {

struct KindName {
  std::string_view text;
  ObjectKind kind;
};
constexpr std::array<KindName, 5> kKinds{{
    {"CloudTrail", ObjectKind::kLog},
    {"CloudTrail-Insight", ObjectKind::kInsight},
    {"CloudTrail-Digest", ObjectKind::kDigest},
    {"CloudTrail-NetworkActivity", ObjectKind::kNetworkActivity},
    {"CloudTrail-Aggregated", ObjectKind::kAggregated},
}};

constexpr std::size_t kMinuteStamp = 13;  // YYYYMMDDTHHMM
constexpr std::size_t kSecondStamp = 15;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::size_t leading_digits(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
}

/// Cuts the text before the next `_` off the front of `rest`; empty if there is none.
std::string_view take_part(std::string_view& rest) {
  const std::size_t end = rest.find('_');
  if (end == std::string_view::npos) return {};
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return part;
}

/// Number of characters of the stamp that `text` begins with, or 0.
std::size_t stamp_length(std::string_view text) {
  if (leading_digits(text) != 8 || text.size() < kMinuteStamp || text[8] != 'T') return 0;
  const std::size_t clock = leading_digits(text.substr(9));
  return clock == 4 ? kMinuteStamp : clock == 6 ? kSecondStamp : 0;
}

/// `20200930T2358` or `20200930T235801`, checked against the calendar.
std::optional<Timestamp> parse_stamp(std::string_view text) {
  std::string full(text.substr(0, 4));
  full.append("-")
      .append(text.substr(4, 2))
      .append("-")
      .append(text.substr(6, 2))
      .append("T")
      .append(text.substr(9, 2));
  full.append(":").append(text.substr(11, 2)).append(":");
  full.append(text.size() == kSecondStamp ? text.substr(13, 2) : "00").append("Z");
  return parse_event_time(full);
}

/// Where the last stamp of `text` begins, with nothing but `Z` and a word behind it; npos if it has none.
std::size_t find_stamp(std::string_view text) {
  for (std::size_t at = text.size(); at-- > 0;) {
    if (at > 0 && text[at - 1] != '_' && text[at - 1] != '-') continue;
    const std::size_t length = stamp_length(text.substr(at));
    if (length == 0) continue;
    std::string_view behind = text.substr(at + length);
    if (behind.starts_with('Z')) behind.remove_prefix(1);
    if (behind.empty() || (behind.front() == '_' && std::all_of(behind.begin(), behind.end(), is_word))) return at;
  }
  return std::string_view::npos;
}

}  // namespace

std::string_view to_string(ObjectKind kind) {
  for (const KindName& row : kKinds)
    if (row.kind == kind) return row.text;
  return "?";
}

std::optional<ObjectName> parse_object_name(std::string_view path) {
  std::string_view rest = path.substr(path.rfind('/') + 1);
  if (rest.ends_with(".gz")) rest.remove_suffix(3);
  if (!rest.ends_with(".json")) return std::nullopt;
  rest.remove_suffix(5);

  ObjectName name;
  name.account = take_part(rest);
  const std::string_view kind = take_part(rest);
  const auto* const known =
      std::find_if(kKinds.begin(), kKinds.end(), [kind](const KindName& row) { return row.text == kind; });
  const std::size_t at = find_stamp(rest);
  if (name.account.empty() || known == kKinds.end() || at == std::string_view::npos || at == 0) return std::nullopt;
  const auto stamp = parse_stamp(rest.substr(at, stamp_length(rest.substr(at))));
  if (!stamp) return std::nullopt;
  name.kind = known->kind;
  name.stamp = *stamp;
  name.region = rest.substr(0, std::min(rest.find('_'), at - 1));
  return name;
}

}  // namespace trailwarden::trail
