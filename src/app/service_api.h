#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "api/endpoint.h"
#include "app/setup.h"
#include "core/result.h"

namespace trailwarden::app {

/// CloudTrail's API as the configuration has it, with the secrets of its keys read. An error names the key whose secret cannot be read. `setup` outlives it.
Result<std::unique_ptr<api::Endpoint>> open_api(const Setup& setup, std::function<api::TrailStatus(const trail::TrailConfig&)> status, metrics::Registry& metrics);

/// The public keys of these trails' digests, each once: what is published beside them. Nothing of a folder in which nothing was signed yet.
Result<std::vector<trail::PublicKey>> published_keys(const std::vector<trail::TrailConfig>& trails);

}  // namespace trailwarden::app
