#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "detectors/detector.h"
#include "detectors/sliding_window.h"

namespace trailwarden::detectors {

/// What is counted of a principal's IAM calls.
enum class IamMeasure : std::uint8_t { kWriteCalls, kDistinctTargets, kRefusedCalls, kAccessKeysCreated, kUsersCreated, kPoliciesCreated };
inline constexpr std::size_t kIamMeasures = 6;

/// Bursts of IAM activity by one principal, against limits that are configured.
///
/// Counted by measure, over windows (t - w, t] of event time with w = 5, 15 and 60 minutes: writes, and different objects written
/// to (neither counts calls that were refused); refused calls, reads too; access keys, users and policies that were created. An event
/// alarms if, when it arrives, some window that holds it has reached its limit ("5" means 5 or more), whatever the order of
/// arrival; of the windows the shortest is told. While a burst goes on every further event alarms, which the quiet time folds. The
/// session's name is left out, so all sessions of a role are one principal.
///
/// State: by principal and measure what `SlidingWindow` keeps, plus totals since the log began. A principal without such a call for an
/// hour keeps its totals only; beyond `max_principals` the one whose last call is oldest is forgotten, of equal ones the first by
/// name. Cost: one comparison for other records, a few microseconds for an IAM call that counts.
class IamBurst final : public Detector {
 public:
  static const DetectorInfo& info();
  static ConfiguredDetector configure(const config::Section& options);

  static constexpr std::array<std::chrono::minutes, 3> kWindows{std::chrono::minutes{5}, std::chrono::minutes{15}, std::chrono::minutes{60}};

  /// Counts that alarm, by window; 0: never.
  using Limits = std::array<std::int64_t, kWindows.size()>;
  using AllLimits = std::array<Limits, kIamMeasures>;
  static AllLimits default_limits();

  struct Automation {
    std::string principal;  // a glob over the principal's ARN
    AllLimits limits;
  };

  struct Options {
    AllLimits limits = default_limits();
    std::vector<Automation> automation;  // the first that matches counts
    std::size_t max_principals = 1'000;
  };

  explicit IamBurst(Options options) : options_(std::move(options)) {}

  bool wants(const event::CloudTrailEvent& event) const override;
  void observe(const event::CloudTrailEvent& event, event::Emit& emit) override;
  void advance(Timestamp watermark, event::Emit& emit) override;
  void save(ByteWriter& out) const override;
  Result<void> load(ByteReader& in) override;
  std::size_t forget(const event::ForgottenPrincipal& principal, std::string_view account) override;
  std::size_t memory_bytes() const override;

 private:
  struct Principal {
    Principal();

    std::array<SlidingWindow, kIamMeasures> windows;
    std::array<std::uint64_t, kIamMeasures> totals{};  // since `first`; of kDistinctTargets nothing
    Timestamp newest{}, first{};
  };
  using Principals = std::map<std::string, Principal, std::less<>>;
  using ByAge = std::set<std::pair<Timestamp, std::string_view>>;  // (newest, name); the names are the map's

  const AllLimits& limits_of(std::string_view principal) const;
  Principals::iterator touch(std::string_view name, Timestamp time);
  void count(IamMeasure measure, Principals::reference principal, const event::CloudTrailEvent& event, event::Emit& emit);

  Options options_;
  Principals principals_;
  ByAge awake_;   // those whose windows hold something
  ByAge asleep_;  // those that have only totals left
};

}  // namespace trailwarden::detectors
