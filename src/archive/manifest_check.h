#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/manifest.h"
#include "core/result.h"
#include "stream/partitioned_log.h"

namespace trailwarden::archive {

/// Something that does not hold between the manifest, the log and a store.
struct ManifestProblem {
  enum class Kind : std::uint8_t {
    kMalformed,  // a record of the manifest that cannot be read
    kLost,       // offsets that hold records, and are in no epoch
    kOverlap,    // offsets that are in two epochs
    kMiscounted, // an epoch has another number of objects than it says
    kTwice,      // an object is named by two epochs
    kMissing,    // an object is not in its store
    kChanged,    // an object does not have the text that it was delivered with
    kUnknown,    // an object that no epoch put there
    kUndigested, // logs of an account and Region that no digest lists, long after their hour
  };
  Kind kind = Kind::kMalformed;
  std::string what;    // `s3://BUCKET/KEY`, or `TOPIC/PARTITION/FROM-TO`
  std::string detail;  // for people; may be empty
  bool operator==(const ManifestProblem&) const = default;
};
std::string_view to_string(ManifestProblem::Kind kind);

/// What the manifest says of one input partition.
struct ManifestPartition {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t from = 0, to = 0;
  std::uint64_t epochs = 0;
  ArchiveCounts counts;
  std::uint64_t unchecked = 0;  // holes between epochs in a part of the log that is gone: nobody can say any more whether they held records
};

/// The objects of one trail, as the manifest has them against as the store has them.
struct ManifestTrail {
  std::string trail, store;
  std::uint64_t valid = 0, invalid = 0;
  std::uint64_t pending = 0;  // stored, and their epochs not committed yet
  std::uint64_t older = 0;    // stored before the oldest epoch that the manifest topic still has
  std::uint64_t bytes = 0;    // of text that was hashed
  std::map<trail::Place, Timestamp> logs_since;  // when the first log of each place was delivered: from then on there have to be digests
};

struct ManifestReport {
  /// More are counted, and not kept.
  static constexpr std::size_t kMostProblems = 10'000;

  std::vector<ManifestPartition> partitions;            // by topic and number
  std::vector<ManifestTrail> trails;                    // in the order of the destinations
  std::map<std::string, std::uint64_t> not_configured;  // objects of trails that are not among the destinations
  Timestamp delivered_until = kEndOfTime;               // of every partition that has epochs, all up to then is delivered
  std::vector<ManifestProblem> problems;
  std::uint64_t problem_count = 0;

  bool intact() const { return problem_count == 0; }
  void add(ManifestProblem problem);
};

struct ManifestCheckOptions {
  Timestamp from = kBeginningOfTime, until = kEndOfTime;  // objects that were delivered in between. Ranges are looked at from the manifest's beginning
  unsigned threads = 1;
  std::function<void(std::uint64_t checked, std::uint64_t in_all, std::uint64_t bytes)> on_progress;  // on the caller's thread; may be empty
};

/// Holds the manifest against the log and the trails' stores, as anybody may who reads both, beside a service that runs:
///   ranges of a partition follow one another, without overlap, and what lies between two holds no record (transactions leave such holes);
///   each epoch has as many objects as it says, and no object is of two;
///   each object is in its trail's store and inflates to the text whose SHA-256 the manifest says;
///   nothing else lies where a trail's logs do, but for what was stored by an epoch that is not committed yet.
/// Digests cannot show all of that: of an object that was never delivered, or never digested, no digest speaks.
///
/// Cost: of each object one `get`, inflate and SHA-256, on `threads` threads; a listing of the trails' logs. Memory: some 400 bytes an object. The error: something could not be read.
Result<ManifestReport> check_manifest(stream::Topics& topics, std::span<const Destination> destinations, const ManifestCheckOptions& options);

}  // namespace trailwarden::archive
