#include "app/service_api.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "core/clocks.h"
#include "trail/trail_keys.h"

namespace trailwarden::app {
namespace {

std::vector<std::string> insight_types(const detectors::InsightsConfig& insights) {
  std::vector<std::string> types;
  if (insights.enabled && insights.call_rate) types.emplace_back("ApiCallRateInsight");
  if (insights.enabled && insights.error_rate) types.emplace_back("ApiErrorRateInsight");
  return types;
}

}  // namespace

Result<std::vector<trail::PublicKey>> published_keys(const std::vector<trail::TrailConfig>& trails) {
  std::set<std::string> folders;
  for (const trail::TrailConfig& trail : trails)
    if (trail.digest.enabled) folders.insert(trail.digest.key_directory);
  std::vector<trail::PublicKey> out;
  for (const std::string& folder : folders) {
    auto keys = trail::published_keys(folder);
    if (!keys) return keys;
    for (trail::PublicKey& key : *keys)
      if (std::ranges::find(out, key) == out.end()) out.push_back(std::move(key));
  }
  return out;
}

Result<std::unique_ptr<api::Endpoint>> open_api(const Setup& setup, std::function<api::TrailStatus(const trail::TrailConfig&)> status, metrics::Registry& metrics) {
  const config::ApiConfig& config = setup.config.service.api;
  api::Endpoint::Options options{.keys = {}, .regions = config.regions, .now = wall_clock, .metrics = &metrics};
  for (const config::ApiKey& key : config.keys) {
    auto secret = config::read_secret(key.secret);
    if (!secret) return fail(std::move(secret).error().during("api key " + key.id));
    options.keys.push_back({key.id, std::move(*secret), key.account});
  }
  const auto& trails = setup.trails.trails;
  api::TrailApi trail_api({.trails = trails, .insight_types = insight_types(setup.insights), .status = std::move(status), .public_keys = [&trails] { return published_keys(trails); }, .now = wall_clock});
  return std::make_unique<api::Endpoint>(std::move(options), std::move(trail_api));
}

}  // namespace trailwarden::app
