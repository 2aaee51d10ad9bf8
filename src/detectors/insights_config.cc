#include "detectors/insights_config.h"

#include <array>

#include <fmt/format.h>

namespace trailwarden::detectors {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostScopes = 250, kMostShares = 10'000;
constexpr double kMostInsights = 100'000, kMostRegions = 100, kMostBudget = 1000, kMostCalls = 1e9, kLeastShare = 1e-4;

InsightScope read_scope(const config::Section& section) {
  static constexpr std::array<std::string_view, 10> kKeys{"account", "region", "event_source", "event_name", "enabled", "budget", "minimum_count", "direction", "kinds"};
  static constexpr std::array<std::string_view, 3> kDirections{"both", "up", "down"};
  static constexpr std::array<std::string_view, 3> kKinds{"both", "call_rate", "error_rate"};
  section.only(kKeys);
  InsightScope scope;
  scope.place = section.place();
  scope.account = section.text("account", "");
  scope.region = section.text("region", "");
  scope.event_source = section.text("event_source", "");
  scope.event_name = section.text("event_name", "");
  if (scope.account.empty() && scope.region.empty() && scope.event_source.empty() && scope.event_name.empty())
    section.report("account", "insights.scopes: a scope names at least one of account, region, event_source, event_name");
  const bool enabled = section.boolean("enabled", true);
  const std::string direction = section.choice("direction", "both", kDirections), kinds = section.choice("kinds", "both", kKinds);
  scope.settings.budget = section.number("budget", 1, 0, kMostBudget);
  scope.settings.minimum_count = section.number("minimum_count", 0, 0, kMostCalls);
  scope.settings.calls = enabled && kinds != "error_rate";
  scope.settings.errors = enabled && kinds != "call_rate";
  scope.settings.up = direction != "down";
  scope.settings.down = direction != "up";
  return scope;
}

RegionShare read_share(const config::Section& section) {
  static constexpr std::array<std::string_view, 3> kKeys{"account", "region", "share"};
  section.only(kKeys);
  RegionShare share{section.text("account", ""), section.text("region", ""), section.number("share", 1, kLeastShare, 1)};
  if (share.region.empty()) section.report("region", "insights.region_shares: a share names its region");
  return share;
}

}  // namespace

InsightsConfig read_insights(const config::Section& section) {
  static constexpr std::array<std::string_view, 10> kKeys{"enabled", "false_insights_per_week", "active_regions", "region_shares", "call_rate",
                                                         "error_rate", "warm_up", "max_series", "start_window_minutes", "scopes"};
  section.only(kKeys);
  InsightsConfig config;
  config.enabled = section.boolean("enabled", config.enabled);
  config.false_insights_per_week = section.number("false_insights_per_week", config.false_insights_per_week, 0.01, kMostInsights);
  config.active_regions = section.number("active_regions", config.active_regions, 1, kMostRegions);
  config.call_rate = section.boolean("call_rate", config.call_rate);
  config.error_rate = section.boolean("error_rate", config.error_rate);
  config.warm_up = section.duration("warm_up", config.warm_up, 12h, 28 * 24h);
  config.max_series = static_cast<std::size_t>(section.integer("max_series", static_cast<std::int64_t>(config.max_series), 100, 1'000'000));
  config.start_window_minutes = static_cast<int>(section.integer("start_window_minutes", config.start_window_minutes, 0, 5));
  if (config.start_window_minutes != 0 && config.start_window_minutes != 5)
    section.report("start_window_minutes", "start_window_minutes: 0 (the true duration) or 5 (as AWS prints a Start)");
  for (const config::Section& share : section.sections("region_shares")) config.region_shares.push_back(read_share(share));
  if (config.region_shares.size() > kMostShares) section.report("region_shares", fmt::format("insights.region_shares: at most {}; use globs", kMostShares));
  for (const config::Section& scope : section.sections("scopes")) config.scopes.push_back(read_scope(scope));
  if (config.scopes.size() > kMostScopes) section.report("scopes", fmt::format("insights.scopes: at most {}; use globs", kMostScopes));
  return config;
}

std::string to_yaml(const InsightsConfig& config) {
  std::string out = fmt::format(
      "insights:\n  enabled: {}\n  false_insights_per_week: {}\n  active_regions: {}\n  call_rate: {}\n  error_rate: {}\n  warm_up: {}\n"
      "  max_series: {}\n  start_window_minutes: {}\n",
      config.enabled, config.false_insights_per_week, config.active_regions, config.call_rate, config.error_rate, config::format_duration(config.warm_up),
      config.max_series, config.start_window_minutes);
  out += config.region_shares.empty() ? "  region_shares: []\n" : "  region_shares:\n";
  for (const RegionShare& share : config.region_shares)
    out += fmt::format("    - {{account: {}, region: {}, share: {}}}\n", config::yaml_text(share.account), config::yaml_text(share.region), share.share);
  if (config.scopes.empty()) return out + "  scopes: []\n";
  out += "  scopes:\n";
  for (const InsightScope& scope : config.scopes) {
    const auto& s = scope.settings;
    out += fmt::format("    - {{account: {}, region: {}, event_source: {}, event_name: {}, enabled: {}, budget: {}, minimum_count: {}, direction: {}, kinds: {}}}\n",
                       config::yaml_text(scope.account), config::yaml_text(scope.region), config::yaml_text(scope.event_source), config::yaml_text(scope.event_name), s.calls || s.errors, s.budget,
                       s.minimum_count, s.up && s.down ? "both" : s.up ? "up" : "down", s.calls == s.errors ? "both" : s.calls ? "call_rate" : "error_rate");
  }
  return out;
}

}  // namespace trailwarden::detectors
