#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace trailwarden::ingest {

/// An object of a bucket that a notice tells of.
struct NoticedObject {
  std::string bucket;
  std::string key;        // decoded
  std::string region{};   // of the bucket; empty: the notice does not say
  std::string etag{};     // without quotes; empty: the notice does not say
  std::uint64_t bytes = 0;  // 0: the notice does not say, or there are none
  bool operator==(const NoticedObject&) const = default;
};

/// What a message tells of a bucket.
struct S3Notice {
  std::vector<NoticedObject> objects;  // that were created, in the order of the message
  std::size_t others = 0;              // events of another kind: removals, tests, confirmations
};

/// Reads a notice that an object was written to a bucket, in any of these forms:
///   - Amazon S3's own event: `Records[]` with `eventName` `ObjectCreated:*`, its keys encoded as in forms (`+` is a space); `s3:TestEvent`;
///   - of EventBridge: `detail-type` `Object Created`, its key as it is;
///   - CloudTrail's: `s3Bucket` and the keys in `s3ObjectKey`, as they are;
///   - and each of these as the text `Message` of an Amazon SNS notification.
/// kMalformed with what is wrong for anything else, also if it is only one of several events that cannot be read: nothing is left out silently.
/// Cost: what nlohmann's parser takes; messages have at most 1 MiB.
/// Source: Amazon S3 user guide, "Event message structure" (2.1 to 2.4), "Amazon EventBridge: event message structure"; spec/s3-delivery.md 4.
Result<S3Notice> parse_s3_notice(std::string_view body);

}  // namespace trailwarden::ingest
