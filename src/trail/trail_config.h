#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/section.h"
#include "config/service_config.h"
#include "trail/event_selection.h"
#include "trail/log_object.h"

namespace trailwarden::trail {

/// `object_lock:` nothing may delete an object, nor change it, for so long.
struct ObjectLockConfig {
  std::string mode = "governance";  // "governance": those with a permission of their own may; "compliance": nobody
  int days = 0;
  bool operator==(const ObjectLockConfig&) const = default;
};

/// `s3:` a bucket, and how objects are written to it. Credentials are no settings: they come from where AWS's own tools find them.
struct S3Config {
  std::string bucket;
  std::string region;    // of the bucket
  std::string endpoint;  // `https://HOST[:PORT]`; empty: AWS's own
  bool path_style = false;       // ENDPOINT/BUCKET/KEY instead of BUCKET.ENDPOINT/KEY
  bool allow_plaintext = false;  // http:// to an endpoint that is not on this machine
  std::string server_side_encryption = "AES256";  // "AES256", "aws:kms", "none": as the bucket does by itself
  std::string kms_key_id;                         // key id, key ARN, alias or alias ARN
  std::optional<ObjectLockConfig> object_lock;
  std::string storage_class = "STANDARD";
  std::string acl = "bucket-owner-full-control";  // or "none"
  bool operator==(const S3Config&) const = default;
};

/// `digest.verify:` the check of the trail that goes on while digests are written.
struct VerifyConfig {
  bool enabled = true;
  std::chrono::seconds every = std::chrono::hours{1};
  std::chrono::seconds back = std::chrono::hours{24};  // from the newest digest; of what is older than a day, a day at a time
  std::uint64_t requests_per_second = 100;             // to the store, at most
  bool operator==(const VerifyConfig&) const = default;
};

/// `digest:` the hourly signed list of what was delivered.
struct DigestConfig {
  bool enabled = true;
  std::string key_directory = "trail-keys";  // of the private keys
  std::chrono::seconds rotate_every = std::chrono::hours{30 * 24};
  config::SecretSource passphrase;  // that encrypts the key files; none: only their mode keeps them
  VerifyConfig verify;
  bool operator==(const DigestConfig&) const = default;
};

/// `epoch:` how much goes into one object.
struct EpochConfig {
  std::chrono::seconds length = std::chrono::minutes{5};  // of the log's time; divides an hour
  std::uint64_t max_bytes = LogBody::kMostBytes;          // of an object's text
  bool operator==(const EpochConfig&) const = default;
};

/// One trail. It belongs to an `account`, whose records it keeps; with an `organization` to its management account, and keeps those of every account. Without either
/// it stands for a trail of its name in every account, all delivering to one place.
struct TrailConfig {
  std::string name, home_region;
  std::string account;       // its owner; empty: every account
  std::string organization;  // `o-...`; empty: no organization's trail
  std::string prefix;
  bool is_multi_region = true;       // false: records of home_region only
  std::vector<std::string> regions;  // of a multi-Region trail; empty: all
  std::string directory;             // either this
  std::optional<S3Config> s3;        // or this
  EventSelectors selectors = default_event_selectors();
  bool insights = true;
  DigestConfig digest;
  EpochConfig epoch;
  int compression_level = 6;         // of libdeflate, 1 to 12
  std::string fallback = "unknown";  // stands for an account or Region that a record does not have

  bool keeps_every_account() const { return account.empty() || !organization.empty(); }
  TrailNames names() const { return {prefix, organization, name, home_region}; }
  bool operator==(const TrailConfig&) const = default;
};

/// `trails:`
struct TrailsConfig {
  static constexpr std::size_t kMost = 100;
  std::vector<TrailConfig> trails;    // names differ
  std::vector<std::string> warnings;  // lines as of diagnostics, but of what works
};

/// Reads `trails` of a file's top section; what is wrong goes to its diagnostics.
TrailsConfig read_trails(const config::Section& top);

/// `trails:` as YAML that reads as the same trails.
std::string to_yaml(const std::vector<TrailConfig>& trails);

}  // namespace trailwarden::trail
