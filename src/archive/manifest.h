#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "archive/epoch.h"
#include "core/result.h"
#include "core/time.h"

namespace trailwarden::archive {

/// An object that an epoch put into a trail's store, as the manifest topic says.
struct ManifestObject {
  EpochRange epoch;
  std::string trail, bucket, key;
  trail::Place place;
  trail::ObjectKind kind = trail::ObjectKind::kLog;
  Timestamp delivered{};
  std::string sha256;  // of what it inflates to, lower-case hexadecimal
  std::uint64_t records = 0, text_bytes = 0, bytes = 0;
  std::optional<Timestamp> oldest, newest;  // eventTime
  bool operator==(const ManifestObject&) const = default;
};

/// An epoch is delivered: the last record of it in the manifest, behind those of its objects and in the same transaction as the offset. The ranges of a
/// partition tile: each begins where the one before ends, but for offsets that the log does not have.
struct ManifestEpoch {
  EpochRange epoch;
  Timestamp delivered{};  // all that comes later in this partition is delivered at this time or later
  ArchiveCounts counts;
  std::uint64_t objects = 0;
  bool operator==(const ManifestEpoch&) const = default;
};

/// A partition had nothing to archive for a while: everything before `offset` is delivered, or there is nothing of it.
struct ManifestProgress {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  Timestamp delivered{};  // as of ManifestEpoch
  bool operator==(const ManifestProgress&) const = default;
};

/// One JSON object, members in a fixed order.
std::string to_json(const ManifestObject& object);
std::string to_json(const ManifestEpoch& epoch);
std::string to_json(const ManifestProgress& progress);

using ManifestRecord = std::variant<ManifestObject, ManifestEpoch, ManifestProgress>;
/// kMalformed with what is wrong.
Result<ManifestRecord> parse_manifest_record(std::string_view json);

}  // namespace trailwarden::archive
