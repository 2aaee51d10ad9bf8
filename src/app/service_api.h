#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "api/endpoint.h"
#include "app/setup.h"
#include "core/result.h"
#include "http/pages.h"

namespace trailwarden::app {

/// CloudTrail's API as the configuration has it. Files of its keys' secrets are read again when a request comes and the last look is `look_every` ago; one that cannot be read then leaves
/// the last secrets in use, and is in the log. One thread at a time.
class ServiceApi {
 public:
  /// What changes while the service runs; asked on the thread of `answer`.
  struct Sources {
    std::function<api::TrailStatus(const trail::TrailConfig&)> status;
    std::function<detectors::InsightsConfig()> insights;
  };

  /// An error names the key whose secret cannot be read. `setup` outlives it.
  static Result<std::unique_ptr<ServiceApi>> open(const Setup& setup, Sources sources, metrics::Registry& metrics, std::chrono::milliseconds look_every = std::chrono::seconds{5});

  http::Response answer(const http::PostedRequest& request);

 private:
  ServiceApi(const config::ApiConfig& config, std::unique_ptr<api::Endpoint> endpoint, std::chrono::milliseconds look_every);
  void look();

  const config::ApiConfig& config_;
  const std::unique_ptr<api::Endpoint> endpoint_;
  const std::chrono::milliseconds look_every_;
  std::chrono::steady_clock::time_point looked_;
  bool refused_ = false;  // the last look, and the log knows
};

/// The public keys of these trails' digests, each once: what is published beside them. Nothing of a folder in which nothing was signed yet.
Result<std::vector<trail::PublicKey>> published_keys(const std::vector<trail::TrailConfig>& trails);

}  // namespace trailwarden::app
