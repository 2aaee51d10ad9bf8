#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "trail/digest.h"
#include "trail/object_store.h"
#include "trail/public_key.h"
#include "trail/validation_report.h"

namespace trailwarden::trail {

struct ValidationProgress {
  std::uint64_t digests = 0, digests_in_all = 0;
  std::uint64_t logs = 0, bytes = 0;
};

struct ValidateOptions {
  /// Its prefix and organization say where to look. Of an empty trail name or home Region, all that are found.
  TrailNames trail;
  /// Empty: all that are found.
  std::string account, region;
  Timestamp from = kBeginningOfTime, until = kEndOfTime;
  /// The bucket that digests must name as their own; empty: any, for a folder into which a bucket was copied.
  std::string bucket;
  /// A digest whose metadata are lost, as in a folder that was copied from a bucket, is verified by the signature that the next digest names; the newest one of a chain by none.
  bool copied = false;
  unsigned threads = 1;

  /// Whether this log was verified before and has not changed since, as the caller knows: it is valid then, and not read. May be empty. On any of the threads.
  std::function<bool(const DigestedLog&)> is_known{};
  /// Each object when it is checked, valid or not, in an order that does not depend on threads. May be empty, as `on_progress` may. Both are called on the caller's thread.
  std::function<void(const Checked&)> on_checked;
  std::function<void(const ValidationProgress&)> on_progress;  // after each log or so
};

/// Validates the digests of a trail, the logs that they list, and that there are no others.
///
/// Beyond the AWS CLI's checks (`aws cloudtrail validate-logs`), which it makes in the same order and with the same words: the hash and signature by which
/// a digest names the one before it, the algorithm, that windows of time tile, digests beside the chain, objects of the kinds that are digested that
/// no digest lists (unless they lie in a gap) or two do, and bytes behind a log's gzip member. A log that is not listed yet when the range ends is looked for in later digests.
///
/// Cost: of each log one `get`, inflate and SHA-256, on `threads` threads. Memory: of each thread one object, compressed and not; 30 bytes a listed log; 200 a digest.
/// The error: the store or the keys could not be read; what was checked until then is lost.
Result<ValidationReport> validate_trail(ObjectStore& store, PublicKeySource& keys, const ValidateOptions& options);

}  // namespace trailwarden::trail
