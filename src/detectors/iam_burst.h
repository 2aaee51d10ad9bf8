#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "detectors/detector.h"

namespace trailwarden::detectors {

/// What is counted of a principal's IAM calls.
enum class IamMeasure : std::uint8_t { kWriteCalls, kDistinctTargets, kRefusedCalls, kAccessKeysCreated, kUsersCreated, kPoliciesCreated };
inline constexpr std::size_t kIamMeasures = 6;

/// Bursts of IAM activity by one principal, against limits that are configured.
///
/// A principal's events of the last 5, 15 and 60 minutes of event time, (t - w, t], are counted by measure: write calls, distinct objects they act
/// on, refused calls, and access keys, users and policies created. A count that reaches its limit is a finding; while the
/// burst goes on every further event is one too, which the quiet time folds. Session names are left out, so all sessions of a role are one principal.
///
/// Records may come out of order: an event alarms if any window that holds it has reached its limit.
/// State: by principal and measure the newest events up to the largest limit; principals idle for an hour are forgotten, beyond
/// `max_principals` the one idle longest. Cost: one comparison for other records, about 2 us for an IAM call.
class IamBurst final : public Detector {
 public:
  static const DetectorInfo& info();
  static ConfiguredDetector configure(const config::Section& options);

  static constexpr std::array<std::chrono::minutes, 3> kWindows{std::chrono::minutes{5}, std::chrono::minutes{15}, std::chrono::minutes{60}};

  /// Counts that alarm, by window; 0: never.
  using Limits = std::array<std::int64_t, kWindows.size()>;
  using AllLimits = std::array<Limits, kIamMeasures>;

  struct Automation {
    std::string principal;  // a glob over the principal's ARN
    AllLimits limits;
  };

  struct Options {
    AllLimits limits;
    std::vector<Automation> automation;  // the first that matches counts
    std::size_t max_principals = 1'000;
  };

  explicit IamBurst(Options options) : options_(std::move(options)) {}

  bool wants(const event::CloudTrailEvent& event) const override { return event.event_source == "iam.amazonaws.com"; }
  void observe(const event::CloudTrailEvent& event, event::Emit& emit) override;
  void advance(Timestamp watermark, event::Emit& emit) override;
  void save(ByteWriter& out) const override;
  Result<void> load(ByteReader& in) override;
  std::size_t memory_bytes() const override;

 private:
  struct Seen {
    Timestamp time{};
    std::string target;
    event::Evidence evidence;  // without the record
  };
  using History = std::vector<Seen>;  // ascending by time

  struct Principal {
    std::array<History, kIamMeasures> seen;  // distinct targets are counted in those of the write calls
    Timestamp newest{};
    Timestamp first{};
    std::uint64_t calls = 0;  // IAM calls since it was first seen
  };

  const AllLimits& limits_of(std::string_view principal) const;
  void remember(History& history, const event::CloudTrailEvent& event, std::string target, const AllLimits& limits) const;
  void judge(IamMeasure measure, const Principal& principal, std::string_view name, const AllLimits& limits, const event::CloudTrailEvent& event,
             event::Emit& emit) const;
  void make_room();

  Options options_;
  std::map<std::string, Principal, std::less<>> principals_;
};

}  // namespace trailwarden::detectors
