#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "detectors/detector.h"
#include "detectors/trail_settings.h"

namespace trailwarden::detectors {

/// Calls that stop, delete, narrow or redirect a trail, or weaken the bucket that holds one.
///
/// High: StopLogging, DeleteTrail, an UpdateTrail that drops Regions, global services or the organization, selectors that drop
/// management events, a bucket deleted or no longer open to CloudTrail. Medium: an UpdateTrail that ends validation or sends the
/// trail elsewhere, selectors that drop only reads or single services, a bucket's policy, ACL, expiry, versioning or encryption
/// weakened, Insights turned off, Lake event data stores stopped or narrowed. A refused attempt is one severity lower and has a
/// `what` of its own (`..._refused`); one that failed otherwise is low. What takes nothing away (turning validation on, or sending again
/// the settings that a trail is known to have, as the console does) is silent.
///
/// A bucket holds a trail if a glob in the options says so, if a trail call of this cell names it, or if CloudTrail itself was seen
/// using it (its GetBucketAcl and PutObject calls). State: those buckets and the last known settings of trails, both bounded, the one
/// learned first forgotten first. Cost: two comparisons for most records; for CloudTrail's own calls a look for the bucket's name, and
/// nothing more once it is known.
class TrailTampering final : public Detector {
 public:
  static const DetectorInfo& info();
  static ConfiguredDetector configure(const config::Section& options);

  struct Options {
    std::vector<std::string> trail_buckets;  // globs
    std::int64_t min_retention_days = 90;    // an expiry below it on a trail's bucket is a finding
  };

  static constexpr std::size_t kMaxBuckets = 256;
  static constexpr std::size_t kMaxTrails = 64;

  explicit TrailTampering(Options options) : options_(std::move(options)) {}

  bool wants(const event::CloudTrailEvent& event) const override;
  void observe(const event::CloudTrailEvent& event, event::Emit& emit) override;
  void advance(Timestamp, event::Emit&) override {}
  void save(ByteWriter& out) const override;
  Result<void> load(ByteReader& in) override;
  std::size_t memory_bytes() const override;

 private:
  struct Claim;
  struct Deed;
  struct Asked;
  struct TrailAction;
  struct BucketAction;

  struct KnownTrail {
    std::uint64_t learned = 0;  // order of learning
    Timestamp as_of{};
    TrailSettings settings;
    std::optional<bool> has_insights;
  };

  static const TrailAction* trail_action_of(std::string_view event_name);
  static const BucketAction* bucket_action_of(std::string_view event_name);

  std::optional<Deed> stop_logging(const Asked& asked) const;
  std::optional<Deed> delete_trail(const Asked& asked) const;
  std::optional<Deed> update_trail(const Asked& asked) const;
  std::optional<Deed> put_event_selectors(const Asked& asked) const;
  std::optional<Deed> put_insight_selectors(const Asked& asked) const;
  std::optional<Deed> delete_data_store(const Asked& asked) const;
  std::optional<Deed> stop_data_store(const Asked& asked) const;
  std::optional<Deed> update_data_store(const Asked& asked) const;

  std::optional<Deed> put_policy(const Asked& asked) const;
  std::optional<Deed> put_lifecycle(const Asked& asked) const;
  std::optional<Deed> put_versioning(const Asked& asked) const;
  std::optional<Deed> plain_bucket_change(const Asked& asked) const;

  const KnownTrail* known_trail(std::string_view name) const;
  /// Why a bucket is known to hold a trail; empty if it is not.
  std::string_view why_trail_bucket(std::string_view bucket) const;
  std::string normal(const Asked& asked) const;
  void report(const Deed& deed, const Asked& asked, event::Emit& emit) const;
  void learn_bucket(std::string_view bucket);
  void learn_trail(const Asked& asked);

  Options options_;
  std::map<std::string, std::uint64_t, std::less<>> buckets_;  // -> order of learning
  std::map<std::string, KnownTrail, std::less<>> trails_;      // by name, without the ARN's front
  std::uint64_t learned_ = 0;
};

}  // namespace trailwarden::detectors
