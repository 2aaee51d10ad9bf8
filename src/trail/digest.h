#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/time.h"
#include "trail/digest_key.h"
#include "trail/gzip.h"
#include "trail/member_deflater.h"
#include "trail/object_store.h"

namespace trailwarden::trail {

/// A log as a digest lists it.
struct DigestedLog {
  std::string bucket, key;
  std::string sha256;                       // of what the log inflates to, lower-case hexadecimal
  std::optional<Timestamp> oldest, newest;  // eventTime of its records
  bool operator==(const DigestedLog&) const = default;
};

/// The digest before this one in its chain.
struct DigestLink {
  std::string bucket, key;
  std::string sha256;     // of its text
  std::string signature;  // hexadecimal
  bool operator==(const DigestLink&) const = default;
};

/// What CloudTrail says about the logs that it delivered for one account and Region within a window of time: their hashes, and which digest came before.
///
/// As an object: one gzip member with a JSON object, its signature in the metadata. Hashes are of the JSON text as it stands there.
/// Source: "CloudTrail digest file structure" of the CloudTrail user guide.
struct Digest {
  static constexpr std::string_view kAlgorithm = "SHA256withRSA";
  /// More than any text of this form needs: about 190,000 logs.
  static constexpr std::size_t kMostBytes = 64 << 20;

  std::string account;
  Timestamp start{}, end{};  // [start, end), when the logs were delivered
  std::string bucket, key;   // its own
  std::string fingerprint;   // of the key that signs it
  std::string algorithm{kAlgorithm};
  std::optional<DigestLink> previous;  // nothing: a chain starts
  std::vector<DigestedLog> logs;
  bool operator==(const Digest&) const = default;
};

/// Whether an object of this key is a digest of a backfill chain: of logs that became known when the digest of their hour was signed.
bool is_backfill(std::string_view digest_object_key);

/// What the key of a digest object says.
struct DigestName {
  std::string account, region;
  std::string trail, home_region;
  Timestamp end{};
  bool backfill = false;
  bool operator==(const DigestName&) const = default;
};

/// nullopt unless `digest_object_key` made the key, or CloudTrail. What stands before the last `/` is not looked at.
std::optional<DigestName> parse_digest_key(std::string_view key);

/// Its text: members in the order of CloudTrail's own, no spaces. The same digest gives the same bytes.
std::string to_json(const Digest& digest);

/// Reads a digest's text, CloudTrail's or ours. kMalformed with the member that is missing, twice there or of a wrong form; members that are not known are
/// passed over.
Result<Digest> parse_digest(std::string_view text);

/// What the signature of a digest is of.
std::string string_to_sign(const Digest& digest, std::string_view sha256);

/// The metadata of a digest object, by the names that `ObjectMetadata` has them.
inline constexpr const char* kSignatureName = "signature";
inline constexpr const char* kAlgorithmName = "signature-algorithm";
inline constexpr const char* kGenerationName = "backfill-generation-timestamp";

/// A digest that is ready to be stored under `digest.key`.
struct SealedDigest {
  Digest digest;
  std::string bytes;   // one gzip member
  std::string sha256;  // of its text
  std::string signature;
  ObjectMetadata metadata;
};

/// Signs a digest, naming `key` in it. A backfill digest is said to be generated at its end. The same digest, key and level of the deflater
/// give the same bytes.
SealedDigest seal(Digest digest, const DigestKey& key, MemberDeflater& deflater);

/// A stored digest, read but not verified.
struct OpenedDigest {
  Digest digest;
  std::string sha256;  // of its text
};

/// Inflates and reads a digest object; `room` as `inflate_one` has it.
Result<OpenedDigest> open_digest(MemberInflater& inflater, std::string_view bytes, std::string& room);

}  // namespace trailwarden::trail
