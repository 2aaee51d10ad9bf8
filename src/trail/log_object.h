#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"
#include "trail/member_deflater.h"
#include "trail/object_name.h"

namespace trailwarden::trail {

/// A trail, as the keys of its objects name it.
struct TrailNames {
  std::string prefix;        // its `S3KeyPrefix`, without a `/` at the end; empty: none
  std::string organization;  // `o-...`, of an organization's trail; else empty
  std::string trail;
  std::string home_region;
  bool operator==(const TrailNames&) const = default;
};

/// Whose records an object holds.
struct Place {
  std::string account;
  std::string region;
  auto operator<=>(const Place&) const = default;
};

/// Whether `text`, which a record may have brought, may stand in a key as an account or Region: 1 to 64 of `[A-Za-z0-9-]`. Anything else (`..`, `/`, `_`)
/// could lead to another folder or to a name that `parse_object_name` takes apart otherwise.
bool is_key_part(std::string_view text);

/// `[PREFIX/]AWSLogs/[O/]`: what is before the accounts.
std::string accounts_folder(const TrailNames& trail);
/// `[PREFIX/]AWSLogs/[O/]A/CloudTrail/R/`. Both parts of `place` are key parts.
std::string objects_folder(const TrailNames& trail, ObjectKind kind, const Place& place);
/// That and `YYYY/MM/DD/`.
std::string day_folder(const TrailNames& trail, ObjectKind kind, const Place& place, Timestamp day);

/// The key of a log, or of another object that holds records: the folder and `A_CloudTrail_R_YYYYMMDDTHHmmZ_UNIQUE.json.gz`. `delivered` is cut to its
/// minute; `unique` is what `unique_part` gave.
std::string log_key(const TrailNames& trail, ObjectKind kind, const Place& place, Timestamp delivered, std::string_view unique);

/// The key of the digest whose window ends at `end`: the folder and `A_CloudTrail-Digest_R_N_H_YYYYMMDDTHHMMSSZ[_backfill].json.gz`.
std::string digest_object_key(const TrailNames& trail, const Place& place, Timestamp end, bool backfill);

/// Sixteen characters that stand for `identity` (80 bits of its SHA-256): the same one gives the same ones. In base32, which has no 0 and 1 and so cannot
/// spell a date.
std::string unique_part(std::string_view identity);

/// A log object that is ready to be stored.
struct LogObject {
  std::string bytes;   // one gzip member
  std::string sha256;  // of what it inflates to, lower-case hexadecimal: what a digest says of it
  std::uint64_t records = 0;
  std::uint64_t text_bytes = 0;                // of what it inflates to
  std::optional<Timestamp> oldest, newest;     // eventTime; nothing if no record had one
};

/// Gathers records into the text of a log object: `{"Records":[A,B,...]}`, each record as it was received, in the order of `add`.
///
/// The same records in the same order give the same bytes with the same version of libdeflate: one gzip member, no time (0), no name, system 255.
/// Memory: the text, and in `finish` the member. Not thread-safe.
class LogBody {
 public:
  /// CloudTrail's own limit of a log's text.
  static constexpr std::size_t kMostBytes = 50'000'000;

  /// Adds a record, JSON text that is not looked into. False if the object would grow over `kMostBytes`: nothing has changed then.
  bool add(std::string_view record, std::optional<Timestamp> event_time);

  bool empty() const { return records_ == 0; }
  std::uint64_t records() const { return records_; }
  /// Bytes of the text so far.
  std::size_t size() const;

  /// The object of what was added; the body is empty after it.
  LogObject finish(MemberDeflater& deflater);

 private:
  std::string text_;  // without the two brackets at its end
  std::uint64_t records_ = 0;
  std::optional<Timestamp> oldest_, newest_;
};

}  // namespace trailwarden::trail
