#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archive/digest_writer.h"
#include "core/result.h"
#include "core/time.h"
#include "trail/paced_store.h"
#include "trail/validate.h"

namespace trailwarden::archive {

/// An object of a trail that is not as it was delivered.
struct TrailProblem {
  enum class Kind : std::uint8_t {
    kLogRemoved,
    kLogChanged,
    kLogAdded,  // no digest lists it, or two do
    kDigestRemoved,
    kDigestChanged,  // or not signed by a key of ours, or not the one that the chain has
    kDigestAdded,    // no other names it
  };
  static constexpr std::size_t kKinds = 6;

  Kind kind = Kind::kLogChanged;
  std::string trail;
  trail::Place place;
  std::string bucket, key;
  std::string detail;   // what exactly, in the words of `trailwarden validate`
  Timestamp stamp{};    // of its name: when it was delivered
};
/// As metrics and alerts have it: `log_removed`.
std::string_view to_string(TrailProblem::Kind kind);

/// How it stands with one trail.
struct WatchedTrail {
  std::string trail;
  std::uint64_t done = 0, failed = 0;    // checks
  std::optional<Timestamp> succeeded;    // when the last one that could look at everything ended, by the wall clock
  std::string why_failed;                // of the last one; empty if it did not
  std::uint64_t digests = 0, logs_read = 0, logs_listed = 0;  // checked, of the latter those that were found unchanged by listing alone
  std::uint64_t bytes = 0;               // of text that was hashed
  std::array<std::uint64_t, TrailProblem::kKinds> problems{}, found{};  // as of now; ever, since the start
};

struct WatchOptions {
  std::vector<Destination> destinations;           // those whose `digest.verify` is enabled
  std::set<std::string> sharing;                   // names of trails in whose place others lie too: what no digest of theirs lists may be the others'
  std::function<std::optional<WrittenDigests>()> written;  // as `DigestWriter::written_digests`
  std::function<Timestamp()> now;                  // the wall clock: when checks are due. It enters no verdict
};

/// Validates trails again and again while their digests are written: `trailwarden validate`, every `digest.verify.every`.
///
///   what      the digests of the last day, before the newest one that was written, with their logs; of what is older, up to `back`, one day at each check, so that all is walked in time.
///             That the newest digests are there is known from who writes them
///   how much  digests are read each time. A log is read and hashed once; after that, a listing shows that its ETag is the same (`ListedObject::version`), or it is read again. Older days are
///             read whole. One request at a time, `requests_per_second` at most
///   problems  are told in the log, and once to `take_new`. They are counted until a check finds them mended, or they are older than `back`
///   a store that does not answer, or refuses    is no problem of the trail: the check has failed, and says so
///   a log that no digest lists    may be in a part of the manifest that is not read yet, or listed by the next backfill digest: it is a problem when all of the manifest was read, and two
///             more hours were digested
///
/// Does nothing while another process writes the digests. Memory: two objects; some 100 bytes a log of the last day of one place, 40 a log of the last day of all (the first million; the
/// others are read each time); 10,000 problems a trail.
///
/// `step` from one thread, the rest from any.
class TrailWatch {
 public:
  static constexpr std::chrono::hours kNewest{24};
  static constexpr std::size_t kMostProblems = 10'000;  // of a trail, that are kept
  static constexpr std::size_t kMostNew = 100;          // of a trail, that a check tells; the others are told by the next ones

  explicit TrailWatch(WatchOptions options);
  ~TrailWatch();

  /// Checks the trails that are due. Takes as long as that does; false: none was.
  bool step();
  /// A check that is under way ends at its next request.
  void stop();

  std::vector<TrailProblem> take_new();
  /// Empty while another process writes.
  std::vector<WatchedTrail> status() const;

 private:
  struct Trail;
  struct Range;
  class PlaceCheck;

  void check(Trail& trail, const WrittenDigests& written);
  static std::vector<Range> ranges_of(Trail& trail, Timestamp passed);
  Result<void> check(Trail& trail, const WrittenDigests& written, const Range& range);
  void take(Trail& trail, std::vector<TrailProblem> found);
  void forget(Trail& trail, Timestamp before);
  void tell_new(Trail& trail);
  void forget_all();
  void publish(bool is_ours);

  const WatchOptions options_;
  std::vector<std::unique_ptr<Trail>> trails_;
  std::atomic<bool> stopped_ = false;

  mutable std::mutex mutex_;  // of what follows
  std::vector<TrailProblem> new_;
  std::vector<WatchedTrail> status_;
};

}  // namespace trailwarden::archive
