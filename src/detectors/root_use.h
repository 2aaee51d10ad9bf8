#pragma once

#include <optional>
#include <string>

#include "detectors/detector.h"

namespace trailwarden::detectors {

/// Any call by the root user, as CIS 4.3 words it: `userIdentity.type` is Root, `invokedBy` is absent and `eventType` is not
/// AwsServiceEvent. (Old records of console calls carry `invokedBy: signin.amazonaws.com`; of those only changes of root's own
/// credentials count, which no service makes on its own.)
///
/// Severity says what was done: a new access key or password for root, or a sign-in without MFA, is critical; a sign-in, a
/// change, or a change of root's credentials high; a read, a call that was refused or failed, or a failed sign-in medium. Each is a
/// `what` of its own, so an hour of browsing the console is one finding and one summary.
///
/// State: when root was last seen, and when before its present spell of activity; about 200 bytes. Late records do not move
/// either back. Cost: one comparison for other records.
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
  std::size_t forget(const event::ForgottenPrincipal& principal, std::string_view account) override;
  std::size_t memory_bytes() const override;

 private:
  struct Sighting {
    Timestamp time{};
    std::string action;
  };

  std::string normal(Timestamp time) const;
  void remember(const event::CloudTrailEvent& event);

  Options options_;
  std::optional<Sighting> last_;    // the newest call
  std::optional<Sighting> before_;  // the newest call before the spell that `last_` belongs to
  Timestamp spell_began_{};         // no call of the spell is more than kSpellGap after the one before
};

}  // namespace trailwarden::detectors
