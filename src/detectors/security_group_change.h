#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "detectors/detector.h"
#include "detectors/security_group_rule.h"

namespace trailwarden::detectors {

/// Every change of a security group is a low finding; what opens one widely is a high one:
///   - ingress from the world: a range of half of all addresses or more (0.0.0.0/0, ::/0, 0.0.0.0/1), or ranges that together are;
///   - ingress of all traffic from any address range;
///   - ingress to a sensitive port from public addresses.
/// Egress to the world is medium: AWS gives it to every new group. Rules towards other groups or prefix lists are plain changes.
/// Failed and dry-run calls changed nothing and are silent.
///
/// State: what rules with an id are, learned from responses, so that a revocation by id can be told in words (at most kMaxRules, the oldest
/// forgotten first). Cost: one comparison for other records; a JSON parse of the parameters for these.
class SecurityGroupChange final : public Detector {
 public:
  static const DetectorInfo& info();
  static ConfiguredDetector configure(const config::Section& options);

  struct Options {
    std::vector<std::int64_t> sensitive_ports;
    std::vector<std::int64_t> public_ports;  // may be open to the world
    bool private_sources = false;            // sensitive ports opened to private addresses are high too
  };

  static constexpr std::size_t kMaxRules = 4'096;

  explicit SecurityGroupChange(Options options) : options_(std::move(options)) {}

  bool wants(const event::CloudTrailEvent& event) const override;
  void observe(const event::CloudTrailEvent& event, event::Emit& emit) override;
  void advance(Timestamp, event::Emit&) override {}
  void save(ByteWriter& out) const override;
  Result<void> load(ByteReader& in) override;
  std::size_t memory_bytes() const override;

 private:
  struct Verdict;

  Verdict judge(const SecurityGroupCall& call, bool is_ingress) const;
  void learn(const std::vector<SecurityGroupRule>& rules);
  std::string in_words(const SecurityGroupCall& call) const;

  Options options_;
  std::map<std::string, std::pair<std::uint64_t, std::string>> rules_;  // id -> (when learned, in words)
  std::uint64_t learned_ = 0;
};

}  // namespace trailwarden::detectors
