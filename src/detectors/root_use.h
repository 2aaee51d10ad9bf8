#pragma once

#include <optional>
#include <string>

#include "detectors/detector.h"

namespace trailwarden::detectors {

/// Any call by the root user, as CIS 4.3 words it: `userIdentity.type` is Root, `invokedBy` is absent and `eventType` is not AwsServiceEvent.
///
/// Severity says what was done: a new access key or a sign-in without MFA is critical, a sign-in, a change or a change of root's own credentials
/// high, a read, a refused call or a failed sign-in medium. Each of these is a `what` of its own, so an hour of browsing is one finding and one
/// summary. State: when root was last seen. Cost: one comparison for other records.
class RootUse final : public Detector {
 public:
  static const DetectorInfo& info();
  static ConfiguredDetector configure(const config::Section& options);

  struct Options {
    bool reads = true;  // report calls that only read
  };

  explicit RootUse(Options options) : options_(options) {}

  bool wants(const event::CloudTrailEvent& event) const override;
  void observe(const event::CloudTrailEvent& event, event::Emit& emit) override;
  void advance(Timestamp, event::Emit&) override {}
  void save(ByteWriter& out) const override;
  Result<void> load(ByteReader& in) override;
  std::size_t memory_bytes() const override { return sizeof *this + last_action_.capacity(); }

 private:
  std::string normal(const event::CloudTrailEvent& event) const;

  Options options_;
  std::optional<Timestamp> last_seen_;
  std::string last_action_;  // the action then
};

}  // namespace trailwarden::detectors
