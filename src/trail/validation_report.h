#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "trail/log_object.h"

namespace trailwarden::trail {

enum class CheckedKind : std::uint8_t { kDigest, kBackfillDigest, kLog };

/// What was found out about one object.
enum class Verdict : std::uint8_t {
  kValid,
  // What the AWS CLI says as well, in its words.
  kMoved,
  kInvalidFormat,
  kNotFound,
  kNoPublicKey,
  kKeyUnusable,
  kSignatureWrong,
  kHashDiffers,
  kBytesBehind,
  // What it does not look at.
  kOtherAlgorithm,        // the digest or its metadata names another way of signing
  kOtherHash,             // the digest is signed, but is not the one whose hash the next digest names
  kOtherSignature,        // the same of its signature
  kWindowsOverlap,        // with the next digest's
  kNotInChain,            // a digest that no other names, between some that name each other
  kNotListed,             // a log that no digest lists
  kListedTwice,
  kOtherBucket,           // in a bucket that was not read
};

/// `valid`, or `INVALID: ` and why, as the AWS CLI says it.
std::string_view to_string(Verdict verdict);

struct Checked {
  CheckedKind kind = CheckedKind::kDigest;
  Verdict verdict = Verdict::kValid;
  std::string bucket, key;
  std::string detail;  // for people: what exactly; may be empty
  bool operator==(const Checked&) const = default;
};

/// `Digest file\ts3://BUCKET/KEY\tvalid`: a line of the AWS CLI's.
std::string to_line(const Checked& object);

/// A stretch of time within the range for which no valid digest says what was delivered.
struct Gap {
  enum class Reason : std::uint8_t {
    kMissing,      // a digest names one that is not there: somebody deleted digests
    kNotVerified,  // the digests are there, and invalid
    kStartedAnew,  // the chain starts at its end: validation or logging was off
    kOtherBucket,  // the chain comes from a bucket that was not read
    kNoneBefore,   // there is no digest of it yet: the first of the range starts later
    kNoneAfter,    // no digest after the last one: not written yet, or deleted
  };
  Reason reason = Reason::kMissing;
  Timestamp from{}, until{};
  bool operator==(const Gap&) const = default;
};
std::string_view to_string(Gap::Reason reason);

struct Count {
  std::uint64_t valid = 0, invalid = 0;
  bool operator==(const Count&) const = default;
};

/// The digests of one trail for one account and Region.
struct ChainReport {
  TrailNames trail;
  Place place;
  Count digests, backfill_digests, logs;
  std::optional<Timestamp> found_from, found_until;  // what valid digests cover of the range
  std::vector<Gap> gaps;                             // newest first
};

/// What a trail's objects are worth as evidence.
struct ValidationReport {
  /// More are counted, and not kept.
  static constexpr std::size_t kMostProblems = 100'000;

  std::string store;
  Timestamp from = kBeginningOfTime, until = kEndOfTime;
  std::vector<ChainReport> chains;   // by account, Region and trail
  std::vector<Checked> problems;     // all that is not valid: of each chain the digests, newest first, each before its logs; then backfill; then what nothing lists
  std::uint64_t problems_left_out = 0;
  std::uint64_t unproven = 0;        // logs of gaps, which no digest lists
  std::uint64_t bytes = 0;           // of log text that was hashed

  /// Nothing was found to be changed, removed or added. Gaps that somebody may have wanted do not count: `kStartedAnew` and those at the ends.
  bool intact() const;
};

/// The AWS CLI's summary of each chain, and all gaps as a table.
std::string to_text(const ValidationReport& report);
/// All of it; keys as in the struct, in camelCase. The same report gives the same bytes.
std::string to_json(const ValidationReport& report);

}  // namespace trailwarden::trail
