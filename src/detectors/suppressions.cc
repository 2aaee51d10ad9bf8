#include "detectors/suppressions.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/text.h"

namespace trailwarden::detectors {
namespace {

using config::Section;

constexpr std::size_t kMostSuppressions = 1'000;
constexpr std::array<std::string_view, 7> kDays{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};

bool fits(const std::string& glob, std::string_view text) { return glob.empty() || glob_match(glob, text); }

/// The principal without its session: "arn:aws:sts::1:assumed-role/Deploy/ci-7" is also "arn:aws:sts::1:assumed-role/Deploy".
bool is_principal(const std::string& glob, std::string_view arn) {
  if (fits(glob, arn)) return true;
  return arn.find(":assumed-role/") != std::string_view::npos && glob_match(glob, arn.substr(0, arn.rfind('/')));
}

bool is_rule(const std::vector<std::string>& globs, const event::Finding& finding) {
  const std::string whole = fmt::format("{}.{}", finding.detector, finding.what);
  return globs.empty() || std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
           return glob_match(glob, finding.detector) || glob_match(glob, finding.what) || glob_match(glob, whole);
         });
}

bool is_from(const std::vector<IpPrefix>& ranges, std::string_view address) {
  if (ranges.empty()) return true;
  const auto source = IpPrefix::parse(address);
  return source && std::any_of(ranges.begin(), ranges.end(), [&](const IpPrefix& range) { return range.contains(*source); });
}

bool is_at(const Suppression& suppression, Timestamp time) {
  if ((suppression.from && time < *suppression.from) || (suppression.until && time >= *suppression.until)) return false;
  const std::int64_t minute = minute_of(time), day = minute / 1440;
  if ((suppression.weekdays >> ((day + 3) % 7) & 1) == 0) return false;  // 1970-01-01 was a Thursday
  if (!suppression.minutes_of_day) return true;
  const auto [begin, end] = *suppression.minutes_of_day;
  const auto now = static_cast<int>(minute % 1440);
  return begin <= end ? now >= begin && now < end : now >= begin || now < end;
}

/// "2026-12-31" is its first second; also with a time.
std::optional<Timestamp> time_in(const Section& section, std::string_view key) {
  const std::string text = section.text(key, "");
  if (text.empty()) return std::nullopt;
  if (const auto time = parse_event_time(text.size() == 10 ? text + "T00:00:00Z" : text)) return *time;
  section.report(key, fmt::format("{}: expected a day or a time in UTC, as 2026-12-31 or 2026-12-31T18:00:00Z", key));
  return std::nullopt;
}

std::optional<int> minute_in(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !digit(text[0]) || !digit(text[1]) || !digit(text[3]) || !digit(text[4])) return std::nullopt;
  const int hour = (text[0] - '0') * 10 + (text[1] - '0'), minute = (text[3] - '0') * 10 + (text[4] - '0');
  if (hour > 24 || minute > 59 || (hour == 24 && minute > 0)) return std::nullopt;
  return hour * 60 + minute;
}

void read_calendar(const Section& section, Suppression& out) {
  out.from = time_in(section, "from");
  out.until = time_in(section, "until");
  if (const std::string hours = section.text("hours", ""); !hours.empty()) {
    const std::size_t dash = hours.find('-');
    const auto begin = minute_in(std::string_view(hours).substr(0, dash)), end = dash == std::string::npos ? std::nullopt : minute_in(std::string_view(hours).substr(dash + 1));
    if (begin && end && *begin != *end) out.minutes_of_day = {*begin, *end};
    else section.report("hours", "hours: expected two times of day in UTC, as \"22:00-04:30\"");
  }
  if (!section.has("weekdays")) return;
  out.weekdays = 0;
  for (const std::string& name : section.texts("weekdays", {})) {
    const auto day = std::find(kDays.begin(), kDays.end(), name);
    if (day == kDays.end()) section.report("weekdays", fmt::format("weekdays: \"{}\" is none of monday to sunday", printable(name)));
    else out.weekdays = static_cast<std::uint8_t>(out.weekdays | 1U << (day - kDays.begin()));
  }
}

Suppression read_one(const Section& section) {
  static constexpr std::array<std::string_view, 14> kKeys{"name", "rules", "account", "region", "principal", "entity", "addresses", "from", "until", "hours", "weekdays", "reason", "owner", "expires"};
  section.only(kKeys);
  Suppression out;
  const auto needed = [&](std::string_view key) {
    const std::string text = section.text(key, "");
    if (text.empty()) section.report(key, fmt::format("a suppression needs `{}`", key));
    return text;
  };
  out.name = needed("name");
  out.reason = needed("reason");
  out.owner = needed("owner");
  if (!section.has("expires")) section.report("expires", "a suppression needs `expires`, a day; what is right for ever belongs in the rule");
  out.expires = time_in(section, "expires").value_or(Timestamp{});
  out.rules = section.texts("rules", {});
  out.account = section.text("account", "");
  out.region = section.text("region", "");
  out.principal = section.text("principal", "");
  out.entity = section.text("entity", "");
  for (const std::string& range : section.texts("addresses", {})) {
    if (const auto prefix = IpPrefix::parse(range)) out.addresses.push_back(*prefix);
    else section.report("addresses", fmt::format("addresses: \"{}\" is no address range, as 203.0.113.0/24", printable(range)));
  }
  read_calendar(section, out);
  if (out.rules.empty() && out.account.empty() && out.region.empty() && out.principal.empty() && out.entity.empty() && out.addresses.empty())
    section.report("name", "this suppression would hide every finding: say which rules, account, region, principal, entity or addresses");
  return out;
}

std::string time_of_day(int minute) { return fmt::format("{:02}:{:02}", minute / 60, minute % 60); }

std::string list_of(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(config::yaml_text(text));
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

std::string calendar_yaml(const Suppression& one) {
  std::string out;
  if (one.from) out += fmt::format("    from: {}\n", format_time(*one.from));
  if (one.until) out += fmt::format("    until: {}\n", format_time(*one.until));
  if (one.minutes_of_day) out += fmt::format("    hours: \"{}-{}\"\n", time_of_day(one.minutes_of_day->first), time_of_day(one.minutes_of_day->second));
  if (one.weekdays == Suppression{}.weekdays) return out;
  std::vector<std::string_view> days;
  for (std::size_t day = 0; day < kDays.size(); ++day)
    if ((one.weekdays >> day & 1) != 0) days.push_back(kDays[day]);
  return out + fmt::format("    weekdays: [{}]\n", fmt::join(days, ", "));
}

}  // namespace

std::optional<std::size_t> Suppressions::hiding(const event::Finding& finding, std::string_view account, std::string_view region) const {
  for (std::size_t i = 0; i < list_.size(); ++i) {
    const Suppression& one = list_[i];
    if (finding.decision_time < one.expires && fits(one.account, account) && fits(one.region, region) && is_rule(one.rules, finding) &&
        is_principal(one.principal, finding.principal.arn) && fits(one.entity, finding.entity) && is_from(one.addresses, finding.principal.source_ip_address) &&
        is_at(one, finding.decision_time))
      return i;
  }
  return std::nullopt;
}

Suppressions read_suppressions(const Section& top) {
  Suppressions out;
  std::set<std::string> names;
  for (const Section& section : top.sections("suppressions")) {
    out.list_.push_back(read_one(section));
    if (!names.insert(out.list_.back().name).second) section.report("name", fmt::format("two suppressions are called \"{}\"", printable(out.list_.back().name)));
  }
  if (out.list_.size() > kMostSuppressions) top.report("suppressions", fmt::format("suppressions: at most {}; use globs", kMostSuppressions));
  return out;
}

std::string to_yaml(const Suppressions& suppressions) {
  if (suppressions.empty()) return "suppressions: []\n";
  std::string out = "suppressions:\n";
  for (const Suppression& one : suppressions.list()) {
    out += fmt::format("  - name: {}\n    rules: {}\n", config::yaml_text(one.name), list_of(one.rules));
    for (const auto& [key, value] : {std::pair{"account", one.account}, {"region", one.region}, {"principal", one.principal}, {"entity", one.entity}, {"reason", one.reason}, {"owner", one.owner}})
      if (!value.empty()) out += fmt::format("    {}: {}\n", key, config::yaml_text(value));
    std::vector<std::string> addresses;
    for (const IpPrefix& prefix : one.addresses) addresses.push_back(to_string(prefix));
    if (!addresses.empty()) out += fmt::format("    addresses: {}\n", list_of(addresses));
    out += calendar_yaml(one);
    out += fmt::format("    expires: {}\n", format_time(one.expires));
  }
  return out;
}

}  // namespace trailwarden::detectors
