#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/time.h"

namespace trailwarden::trail {

/// What CloudTrail delivers to a bucket.
enum class ObjectKind : std::uint8_t { kLog, kInsight, kDigest, kNetworkActivity, kAggregated };
std::string_view to_string(ObjectKind kind);

/// The name of a delivered object, taken apart. Views into the name it was parsed from.
///
/// Logs: `ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz`; digests:
/// `ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOME_YYYYMMDDTHHMMSSZ.json.gz`. Tools that re-file objects rename them, so
/// these are taken as well: without `.gz`, `Z` or the unique part, and with `-` before the stamp.
struct ObjectName {
  std::string_view account;
  std::string_view region;  // of the records, not the trail's home
  ObjectKind kind = ObjectKind::kLog;
  Timestamp stamp{};  // when it was delivered: logs to the minute, digests to the second
  bool operator==(const ObjectName&) const = default;
};

/// Parses the last part of `path`; nullopt if CloudTrail did not name it. Says nothing about the content.
std::optional<ObjectName> parse_object_name(std::string_view path);

}  // namespace trailwarden::trail
