#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "trail/digest.h"
#include "trail/object_store.h"
#include "trail/public_key.h"
#include "trail/validation_report.h"

namespace trailwarden::trail {

/// What a thread needs to check objects: kept, so that no object makes it anew.
struct CheckRoom {
  MemberInflater inflater;
  std::string text;
};

/// A digest as it was read; not verified.
struct FetchedDigest {
  Verdict verdict = Verdict::kValid;   // or kNotFound, kInvalidFormat
  std::string detail;
  std::optional<OpenedDigest> opened;  // if kValid
  ObjectMetadata metadata;
};

/// The error is one that says nothing about the digest: refused, or not now for too long.
StoreResult<FetchedDigest> fetch_digest(ObjectStore& store, std::string_view key, CheckRoom& room);

/// The public keys of a validation, by fingerprint.
class PublicKeys {
 public:
  explicit PublicKeys(PublicKeySource& source) : source_(source) {}
  Result<void> load(Timestamp from, Timestamp until);
  /// nullptr if it is not among those loaded.
  const PublicKey* find(const std::string& fingerprint) const;

 private:
  PublicKeySource& source_;
  std::map<std::string, PublicKey, std::less<>> keys_;
};

/// Verifies a digest that was read under `key`, in the order in which the AWS CLI does: kMoved, kNoPublicKey, kKeyUnusable, kSignatureWrong, then
/// kOtherAlgorithm. `bucket`: empty, any. `vouched`: the digest's signature by a later digest, used if the metadata has none; nullptr: none.
/// The error: keys could not be loaded.
Result<Checked> verify_digest(const FetchedDigest& fetched, std::string_view bucket, std::string_view key, const std::string* vouched, PublicKeys& keys);

struct CheckedLog {
  Verdict verdict = Verdict::kValid;  // or kNotFound, kInvalidFormat, kHashDiffers, kBytesBehind
  std::string detail;
  std::uint64_t bytes = 0;  // of its text
};

/// Gets a log and holds it against what a digest says of it.
StoreResult<CheckedLog> check_log(ObjectStore& store, const DigestedLog& log, CheckRoom& room);

}  // namespace trailwarden::trail
