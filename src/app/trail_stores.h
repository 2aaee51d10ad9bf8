#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "archive/epoch.h"
#include "aws/credential_chain.h"
#include "aws/http_client.h"
#include "core/result.h"
#include "metrics/registry.h"
#include "trail/object_store.h"
#include "trail/trail_config.h"

namespace trailwarden::app {

/// Opens the stores of trails: folders, and buckets with what they have in common, connections and credentials. Outlives the stores.
class TrailStores {
 public:
  /// `metrics`: where requests for objects in buckets are counted, as long as this lives; null: nowhere.
  explicit TrailStores(metrics::Registry* metrics = nullptr);

  /// kInvalidArgument, kNotFound or kIo with what to do. A bucket is not asked whether it is there.
  Result<std::shared_ptr<trail::ObjectStore>> open(const trail::TrailConfig& trail);
  /// Of those trails that are `wanted`, each with its store.
  Result<std::vector<archive::Destination>> open(const std::vector<trail::TrailConfig>& trails, const std::function<bool(const trail::TrailConfig&)>& wanted);

 private:
  aws::CredentialChain& credentials_of(const std::string& region);

  metrics::Registry* const metrics_;
  aws::HttpClient http_;
  std::map<std::string, std::unique_ptr<aws::CredentialChain>> credentials_;  // by Region
};

}  // namespace trailwarden::app
