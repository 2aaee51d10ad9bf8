#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/bytes.h"
#include "core/result.h"
#include "core/time.h"
#include "trail/digest.h"
#include "trail/log_object.h"

namespace trailwarden::trail {

/// A log object that was delivered, as the manifest says.
struct DeliveredLog {
  DigestedLog log;
  Timestamp delivered{};  // the stamp of its key: the digest of this hour lists it
  bool operator==(const DeliveredLog&) const = default;
};

/// Which digests of one trail, account and Region there have to be: one an hour from the hour of the first log on, also when nothing was delivered, each
/// naming the one before it. A log that becomes known when the digest of its hour is written is listed by the next backfill digest, of which there is at
/// most one an hour, in a chain of their own.
///
/// A pure state machine: what it says depends on what it was told, in this order, and on nothing else, and no clock. Whoever runs it
///   1. tells the logs of the manifest, and each hour at the place in the manifest where it has passed for all that comes before;
///   2. then, while `next` gives a digest, seals and stores it and tells `written`;
///   3. saves the state together with its place in the manifest.
/// A crash at any point repeats digests that are stored already, byte for byte: so they are stored "if there is none". Should another one be stored
/// under the key all the same (made by a version that wrote other bytes), that one is verified and told to `written` in its place: what it does not list is
/// listed later.
///
/// Memory: the logs that no written digest lists yet. Not thread-safe.
class DigestChain {
 public:
  /// A digest lists no more logs than this; those left over are late.
  static constexpr std::size_t kMostLogs = 100'000;
  /// A chain does not start earlier than this before the hour that has passed; logs from before are late.
  static constexpr std::chrono::hours kLongestCatchUp = std::chrono::days{90};

  /// `bucket`: where the digests are stored.
  DigestChain(TrailNames trail, std::string bucket, Place place) : trail_(std::move(trail)), bucket_(std::move(bucket)), place_(std::move(place)) {}

  /// Digests are wanted from the hour of `at` on, though nothing may have been delivered yet. Nothing if the chain runs.
  void start(Timestamp at);
  /// Told twice before a digest lists it, it is listed once.
  void delivered(DeliveredLog log);
  /// Logging stops: the last digest ends at `at`, or with the last one written if that ends later. The next log or `start` starts a chain that names none before.
  void stop(Timestamp at);

  /// The digest to write next when the time to `passed` has passed for everything told; nothing if all are written. Not signed: `seal` names the key.
  std::optional<Digest> next(Timestamp passed) const;
  /// A digest is in the store: the one that `next` gave, signed.
  void written(const Digest& digest, std::string_view sha256, std::string_view signature);

  /// The newest digest that was written, in turn and of the backfill chain; nullptr: none yet.
  const DigestLink* newest() const { return last_ ? &last_->digest : nullptr; }
  const DigestLink* newest_backfill() const { return last_backfill_ ? &last_backfill_->digest : nullptr; }
  /// Logs that no written digest lists.
  std::size_t waiting() const { return pending_.size() + late_.size(); }

  void save(ByteWriter& out) const;
  /// What `save` wrote, for a chain of this trail and place. kMalformed.
  Result<void> load(ByteReader& in);
  bool operator==(const DigestChain&) const = default;

 private:
  using Logs = std::map<std::pair<Timestamp, std::string>, DigestedLog>;  // by delivery and key
  struct Link {
    DigestLink digest;
    Timestamp end{};
    bool operator==(const Link&) const = default;
  };

  std::optional<Digest> next_in_turn(Timestamp passed) const;
  std::optional<Digest> next_backfill(Timestamp passed) const;
  Digest digest(Timestamp start, Timestamp end, bool backfill, const std::optional<Link>& previous) const;
  void end_here();

  TrailNames trail_;
  std::string bucket_;
  Place place_;

  Timestamp signed_until_ = kBeginningOfTime;  // a log that was delivered before is late
  std::optional<Timestamp> from_;              // where the next window starts; nothing: the chain does not run
  std::optional<Timestamp> stop_;
  std::optional<Link> last_, last_backfill_;
  Logs pending_, late_;
};

}  // namespace trailwarden::trail
