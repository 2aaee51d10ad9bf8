#include "app/trail_stores.h"

#include <utility>

#include "trail/folder_store.h"
#include "trail/observed_store.h"
#include "trail/s3_store.h"

namespace trailwarden::app {
namespace {

trail::S3Settings settings_of(const trail::S3Config& s3) {
  using trail::S3Settings;
  S3Settings out;
  out.bucket = s3.bucket;
  out.region = s3.region;
  out.endpoint = s3.endpoint;
  out.path_style = s3.path_style;
  out.encryption = s3.server_side_encryption == "aws:kms"  ? S3Settings::Encryption::kKms
                   : s3.server_side_encryption == "AES256" ? S3Settings::Encryption::kS3
                                                           : S3Settings::Encryption::kAsTheBucketHasIt;
  out.kms_key_id = s3.kms_key_id;
  if (s3.object_lock) {
    out.lock = s3.object_lock->mode == "compliance" ? S3Settings::Lock::kCompliance : S3Settings::Lock::kGovernance;
    out.lock_for = std::chrono::days{s3.object_lock->days};
  }
  out.bucket_owner_full_control = s3.acl != "none";
  if (s3.storage_class != "STANDARD") out.storage_class = s3.storage_class;
  return out;
}

}  // namespace

TrailStores::TrailStores(metrics::Registry* metrics) : metrics_(metrics) {}

aws::CredentialChain& TrailStores::credentials_of(const std::string& region) {
  auto& chain = credentials_[region];
  if (!chain) chain = std::make_unique<aws::CredentialChain>(http_, aws::CredentialChain::Options{.region = region});
  return *chain;
}

Result<std::shared_ptr<trail::ObjectStore>> TrailStores::open(const trail::TrailConfig& trail) {
  const auto shared = [&trail](auto store) -> Result<std::shared_ptr<trail::ObjectStore>> {
    if (!store) return fail(std::move(store).error().during("trail " + trail.name));
    return std::shared_ptr<trail::ObjectStore>(std::move(*store));
  };
  if (!trail.s3) return shared(trail::FolderStore::open(trail.directory));
  auto bucket = shared(trail::S3Store::create(settings_of(*trail.s3), http_, credentials_of(trail.s3->region)));
  if (!bucket || metrics_ == nullptr) return bucket;
  return std::make_shared<trail::ObservedStore>(*std::move(bucket), [this](std::string_view op, std::string_view result, std::chrono::nanoseconds took) {
    metrics_->observe("s3_request_duration_seconds", {{"op", op}, {"result", result}}, std::chrono::duration<double>(took).count());
  });
}

Result<std::vector<archive::Destination>> TrailStores::open(const std::vector<trail::TrailConfig>& trails, const std::function<bool(const trail::TrailConfig&)>& wanted) {
  std::vector<archive::Destination> destinations;
  for (const trail::TrailConfig& trail : trails) {
    if (!wanted(trail)) continue;
    auto store = open(trail);
    if (!store) return fail(std::move(store).error());
    destinations.emplace_back(trail, std::move(*store));
  }
  return destinations;
}

}  // namespace trailwarden::app
