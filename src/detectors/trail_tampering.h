#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "detectors/detector.h"

namespace trailwarden::detectors {

/// Calls that stop, delete, narrow or redirect a trail, or weaken the bucket that holds one.
///
/// High: StopLogging, DeleteTrail, selectors that drop management events, deletion of a trail's bucket or policy. Medium: an UpdateTrail
/// that narrows or redirects, a policy or expiry put on a trail's bucket, stopping a Lake event data store. An attempt that was refused is one severity lower,
/// one that failed otherwise is low. Changes that take nothing away (turning validation on) are silent.
///
/// A bucket holds a trail if a glob in the options says so, if a trail call of this cell names it, or if CloudTrail itself was seen using it
/// (its GetBucketAcl and PutObject calls). State: those buckets, at most kMaxBuckets, the one seen first forgotten first.
/// Cost: two comparisons for most records; for CloudTrail's own calls a look for the bucket's name, and nothing once it is known.
class TrailTampering final : public Detector {
 public:
  static const DetectorInfo& info();
  static ConfiguredDetector configure(const config::Section& options);

  struct Options {
    std::vector<std::string> trail_buckets;  // globs
    std::int64_t min_retention_days = 90;    // an expiry below it on a trail's bucket is a finding
  };

  static constexpr std::size_t kMaxBuckets = 256;

  explicit TrailTampering(Options options) : options_(std::move(options)) {}

  bool wants(const event::CloudTrailEvent& event) const override;
  void observe(const event::CloudTrailEvent& event, event::Emit& emit) override;
  void advance(Timestamp, event::Emit&) override {}
  void save(ByteWriter& out) const override;
  Result<void> load(ByteReader& in) override;
  std::size_t memory_bytes() const override;

 private:
  struct Deed;

  bool holds_a_trail(std::string_view bucket) const;
  void learn(std::string_view bucket);
  std::optional<Deed> trail_deed(const event::CloudTrailEvent& event) const;
  std::optional<Deed> bucket_deed(const event::CloudTrailEvent& event) const;
  void report(const Deed& deed, const event::CloudTrailEvent& event, event::Emit& emit) const;

  Options options_;
  std::map<std::string, std::uint64_t, std::less<>> buckets_;  // -> how many were known when it was learned
  std::uint64_t learned_ = 0;
};

}  // namespace trailwarden::detectors
