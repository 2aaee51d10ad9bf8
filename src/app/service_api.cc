#include "app/service_api.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "core/clocks.h"
#include "core/log.h"
#include "trail/trail_keys.h"

namespace trailwarden::app {
namespace {

std::vector<std::string> insight_types(const detectors::InsightsConfig& insights) {
  std::vector<std::string> types;
  if (insights.enabled && insights.call_rate) types.emplace_back("ApiCallRateInsight");
  if (insights.enabled && insights.error_rate) types.emplace_back("ApiErrorRateInsight");
  return types;
}

/// With their secrets as they are now.
Result<std::vector<api::AccessKey>> read_keys(const config::ApiConfig& config) {
  std::vector<api::AccessKey> keys;
  for (const config::ApiKey& key : config.keys) {
    auto secret = config::read_secret(key.secret);
    if (!secret) return fail(std::move(secret).error().during("api key " + key.id));
    keys.push_back({key.id, std::move(*secret), key.account});
  }
  return keys;
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

ServiceApi::ServiceApi(const config::ApiConfig& config, std::unique_ptr<api::Endpoint> endpoint, std::chrono::milliseconds look_every)
    : config_(config), endpoint_(std::move(endpoint)), look_every_(look_every), looked_(std::chrono::steady_clock::now()) {}

Result<std::unique_ptr<ServiceApi>> ServiceApi::open(const Setup& setup, Sources sources, metrics::Registry& metrics, std::chrono::milliseconds look_every) {
  const config::ApiConfig& config = setup.config.service.api;
  auto keys = read_keys(config);
  if (!keys) return fail(std::move(keys).error());
  api::Endpoint::Options options{.keys = std::move(*keys), .regions = config.regions, .now = wall_clock, .metrics = &metrics};
  const auto& trails = setup.trails.trails;
  api::TrailApi trail_api({.trails = trails, .insight_types = [insights = std::move(sources.insights)] { return insight_types(insights()); }, .status = std::move(sources.status), .public_keys = [&trails] { return published_keys(trails); }, .now = wall_clock});
  return std::unique_ptr<ServiceApi>(new ServiceApi(config, std::make_unique<api::Endpoint>(std::move(options), std::move(trail_api)), look_every));
}

http::Response ServiceApi::answer(const http::PostedRequest& request) {
  look();
  return endpoint_->answer(request);
}

void ServiceApi::look() {
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_ < look_every_) return;
  looked_ = now;
  auto keys = read_keys(config_);
  if (!keys && !refused_) log::error("api.keys_refused", {{"why", keys.error().message}, {"what_now", "the last secrets that could be read stay in use"}});
  refused_ = !keys;
  if (keys) endpoint_->set_keys(std::move(*keys));
}

}  // namespace trailwarden::app
