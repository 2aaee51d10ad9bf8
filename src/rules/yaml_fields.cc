#include "rules/yaml_fields.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.h"
#include "rules/timespan.h"

namespace trailwarden::rules {
namespace {

using Kind = YamlNode::Kind;

constexpr std::size_t kMaxSuggestedFrom = 64;    // a longer word is no misspelling
constexpr std::size_t kMaxSuggestions = 10'000;  // nobody waits for a comparison with more names

}  // namespace

YamlFields::YamlFields(const YamlNode& map, std::string_view what, FileReport& report) : map_(&map), report_(&report) {
  if (map.kind != Kind::kMap) report.error(map.place, fmt::format("{}: expected `key: value` lines, not {}", what, describe(map.kind)));
}

const YamlNode* YamlFields::find(std::string_view key) const {
  const YamlNode* const value = map_->find(key);
  return value == nullptr || value->kind == Kind::kNull ? nullptr : value;
}

YamlPlace YamlFields::place(std::string_view key) const {
  const YamlNode* const value = map_->find(key);
  return value == nullptr ? map_->place : value->place;
}

void YamlFields::only(std::span<const std::string_view> known) const {
  for (const YamlMember& member : map_->members)
    if (!report_->is_full() && std::find(known.begin(), known.end(), member.key) == known.end())
      report_->error(member.place, fmt::format("unknown key \"{}\"{}", printable(member.key), did_you_mean(member.key, known)));
}

/// The text of a scalar; reports anything else.
std::optional<std::string_view> YamlFields::scalar(std::string_view key, std::string_view expected) const {
  const YamlNode* const value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_scalar()) return value->text;
  report_->error(value->place, fmt::format("{}: expected {}, not {}", key, expected, describe(value->kind)));
  return std::nullopt;
}

std::optional<std::string> YamlFields::text(std::string_view key) const {
  const auto value = scalar(key, "a text");
  return value ? std::optional<std::string>(*value) : std::nullopt;
}

std::optional<bool> YamlFields::boolean(std::string_view key) const {
  const YamlNode* const value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->kind == Kind::kBoolean) return value->boolean;
  report_->error(value->place, fmt::format("{}: expected true or false, not {}", key, describe(value->kind)));
  return std::nullopt;
}

std::optional<std::int64_t> YamlFields::integer(std::string_view key, std::int64_t min, std::int64_t max) const {
  const YamlNode* const value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto number = value->integer();
  if (number && *number >= min && *number <= max) return number;
  report_->error(value->place, fmt::format("{}: expected a whole number from {} to {}", key, min, max));
  return std::nullopt;
}

std::optional<double> YamlFields::number(std::string_view key, double min, double max) const {
  const YamlNode* const value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number() && value->number >= min && value->number <= max) return value->number;
  report_->error(value->place, fmt::format("{}: expected a number from {} to {}", key, min, max));
  return std::nullopt;
}

std::optional<std::chrono::seconds> YamlFields::timespan(std::string_view key) const {
  const auto value = scalar(key, kTimespanForm);
  if (!value) return std::nullopt;
  const auto timespan = parse_timespan(*value);
  if (!timespan) error(key, fmt::format("{}: expected {}, not \"{}\"", key, kTimespanForm, printable(*value)));
  return timespan;
}

std::optional<std::size_t> YamlFields::choice(std::string_view key, std::span<const std::string_view> allowed) const {
  const std::string expected = fmt::format("one of {}", fmt::join(allowed, ", "));
  const auto value = scalar(key, expected);
  if (!value) return std::nullopt;
  const auto found = std::find(allowed.begin(), allowed.end(), *value);
  if (found != allowed.end()) return static_cast<std::size_t>(found - allowed.begin());
  error(key, fmt::format("{}: expected {}, not \"{}\"{}", key, expected, printable(*value), did_you_mean(*value, allowed)));
  return std::nullopt;
}

std::span<const YamlNode> YamlFields::items(std::string_view key) const {
  const YamlNode* const value = find(key);
  if (value == nullptr) return {};
  if (value->kind == Kind::kList) return value->items;
  return {value, 1};
}

std::vector<std::string> YamlFields::texts(std::string_view key) const {
  std::vector<std::string> out;
  for (const YamlNode& item : items(key)) {
    if (item.is_scalar() && item.kind != Kind::kNull) out.push_back(item.text);
    else report_->error(item.place, fmt::format("{}: expected a text, or a list of texts, not {}", key, describe(item.kind)));
  }
  return out;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() > kMaxSuggestedFrom) return {};
  std::vector<std::string_view> short_ones;  // the distance to a long one costs much and is large
  for (const std::string_view candidate : candidates.first(std::min(candidates.size(), kMaxSuggestions)))
    if (candidate.size() <= kMaxSuggestedFrom) short_ones.push_back(candidate);
  const std::string_view nearest = closest(word, short_ones);
  return nearest.empty() ? std::string() : fmt::format(", did you mean \"{}\"?", printable(nearest));
}

}  // namespace trailwarden::rules
