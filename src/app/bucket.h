#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "core/result.h"
#include "trail/object_store.h"

namespace trailwarden::app {

/// How a bucket that a command line names is reached; empty: as the environment says.
struct BucketAccess {
  std::string endpoint{};  // buckets are in its path; else AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, else AWS's own of the Region
  std::string region{};    // of the bucket; else AWS_REGION, AWS_DEFAULT_REGION, else us-east-1
  const std::atomic<bool>* cancelled = nullptr;  // once true, what is under way is given up; outlives the bucket
};

/// The bucket, with the credentials of this process (`aws::CredentialChain`). It is not asked for anything yet.
Result<std::shared_ptr<trail::ObjectStore>> open_bucket(const std::string& name, const BucketAccess& access);

}  // namespace trailwarden::app
