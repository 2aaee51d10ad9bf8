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

/// Name of the file, in a trail's key folder, with its public keys as ListPublicKeys gives them.
inline constexpr std::string_view kPublicKeysFile = "public-keys.json";

/// The public keys of these trails' digests, each once: of their key folders the file above, or without it the keys themselves. A folder that is not there has none.
Result<std::vector<trail::PublicKey>> published_keys(const std::vector<trail::TrailConfig>& trails);

}  // namespace trailwarden::app
