#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/time.h"
#include "trail/object_store.h"

namespace trailwarden::ingest {

/// How buckets are reached, and which of their objects are wanted.
struct BucketReading {
  /// The store of a bucket; empty: `s3://` is refused.
  std::function<Result<std::shared_ptr<trail::ObjectStore>>(const std::string& bucket)> open{};
  std::optional<Timestamp> since{}, until{};  // eventTime; see `list_objects`
};

/// What `s3://BUCKET[/PREFIX]` names: the objects whose keys begin with PREFIX, which need not end at a `/`.
struct BucketPath {
  std::string bucket, prefix;
};
/// nullopt if it is no such path.
std::optional<BucketPath> parse_bucket_path(std::string_view path);

/// Calls `take` for every object below a prefix that may hold records with since <= eventTime < until: once, one at a time, on any thread, in no order.
///
/// By its name alone an object is passed over that is a digest, or was delivered more than an hour before `since` or more than a day after `until`: CloudTrail
/// delivers most records within minutes and all but a few within hours. What has no name of CloudTrail's is taken, except in CloudTrail's own layout
/// (`[AWSLogs/[o-ORGANIZATION/]ACCOUNT/]CloudTrail/REGION/YYYY/MM/DD/`) in folders of digests and of other days. These are not listed.
///
/// Where there is more than a page, up to eight requests are under way at a time: accounts, kinds and Regions of that layout are asked for by delimiter; a Region, year or
/// month that has more than a thousand objects is listed by what it consists of, in the end day by day. Another layout is listed page after page.
///
/// Cost: a request for each thousand objects; in the layout also one for each account, kind, and each Region, year or month with more than a thousand, and one at least for
/// each part of these.
/// Not taken, as in folders: keys with a part behind the prefix that begins with `.`, and those that end with `/`.
/// Errors: kIo, told as the store tells it, after five tries where that may help; kNotFound if no key begins so.
Result<void> list_objects(trail::ObjectStore& store, const std::string& prefix, const BucketReading& wanted, const std::function<void(const trail::ListedObject&)>& take);

}  // namespace trailwarden::ingest
