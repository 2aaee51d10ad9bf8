#pragma once

#include <memory>
#include <string>

#include "app/bucket.h"
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

/// A trail that lies somewhere, to be read.
class TrailReader {
 public:
  /// kNotFound of a folder that is not there. A bucket is not asked for anything yet.
  static Result<TrailReader> open(const TrailPath& path, const BucketAccess& access);

  trail::ObjectStore& store() { return *store_; }

 private:
  TrailReader() = default;

  std::shared_ptr<trail::ObjectStore> store_;
};

}  // namespace trailwarden::app
