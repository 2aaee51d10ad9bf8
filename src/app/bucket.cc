#include "app/bucket.h"

#include <cstdlib>
#include <initializer_list>

#include "aws/credential_chain.h"
#include "aws/http_client.h"
#include "trail/s3_store.h"

namespace trailwarden::app {
namespace {

/// A store, and what it asks with.
struct Bucket {
  explicit Bucket(const std::string& region) : credentials(http, {.region = region}) {}

  aws::HttpClient http;
  aws::CredentialChain credentials;
  std::unique_ptr<trail::S3Store> store;
};

/// `given`, or the first variable of the environment that says something.
std::string or_environment(const std::string& given, std::initializer_list<const char*> names) {
  if (!given.empty()) return given;
  for (const char* const name : names)
    if (const char* const value = std::getenv(name); value != nullptr && *value != '\0') return value;
  return {};
}

}  // namespace

Result<std::shared_ptr<trail::ObjectStore>> open_bucket(const std::string& name, const BucketAccess& access) {
  trail::S3Settings settings{.bucket = name};
  settings.endpoint = or_environment(access.endpoint, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  settings.path_style = !settings.endpoint.empty();
  if (const std::string region = or_environment(access.region, {"AWS_REGION", "AWS_DEFAULT_REGION"}); !region.empty()) settings.region = region;
  settings.cancelled = access.cancelled;
  auto bucket = std::make_shared<Bucket>(settings.region);
  auto store = trail::S3Store::create(std::move(settings), bucket->http, bucket->credentials);
  if (!store) return fail(std::move(store).error());
  bucket->store = std::move(*store);
  return std::shared_ptr<trail::ObjectStore>(bucket, bucket->store.get());
}

}  // namespace trailwarden::app
