#pragma once

#include <memory>
#include <string>

#include "aws/credential_chain.h"
#include "aws/http_client.h"
#include "core/result.h"
#include "trail/object_store.h"

namespace trailwarden::app {

/// Where a trail lies, as a person names it: `s3://BUCKET[/PREFIX]`, or a folder that `[PREFIX/]AWSLogs` is in. `AWSLogs` itself may stand at the end.
struct TrailPath {
  std::string folder;          // empty: a bucket
  std::string bucket, prefix;  // prefix: what is before `AWSLogs`, without a `/` at its end
};

/// kInvalidArgument unless it is a path. Asks nobody.
Result<TrailPath> parse_trail_path(const std::string& path);

/// How a bucket is reached.
struct BucketAccess {
  std::string region;    // of the bucket; empty: AWS_REGION, AWS_DEFAULT_REGION, else us-east-1
  std::string endpoint;  // buckets are in its path; empty: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, else AWS's own
};

/// A trail that lies somewhere, to be read. Owns what its store needs.
class TrailReader {
 public:
  /// kNotFound of a folder that is not there. A bucket is not asked for anything yet.
  static Result<TrailReader> open(const TrailPath& path, const BucketAccess& access);

  trail::ObjectStore& store() { return *store_; }

 private:
  TrailReader() = default;

  std::unique_ptr<aws::HttpClient> http_;
  std::unique_ptr<aws::CredentialChain> credentials_;
  std::unique_ptr<trail::ObjectStore> store_;
};

}  // namespace trailwarden::app
