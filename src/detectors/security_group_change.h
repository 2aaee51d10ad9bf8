#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "detectors/detector.h"
#include "detectors/security_group_rule.h"

namespace trailwarden::detectors {

/// Every change of a security group is a low finding; what opens one widely is a high one:
///   - ingress from the world: half of the internet's addresses or more (0.0.0.0/0, ::/0, 0.0.0.0/1), by one range or by the
///     ranges of a call together;
///   - ingress of all traffic (every protocol, or every port of one) from any address range;
///   - ingress to a sensitive port from public addresses.
/// Egress to the world is medium, and a plain change while the group is new: AWS gives it to every new group, and deployment tools
/// write it out. Rules towards other groups or prefix lists are plain changes. Failed and dry-run calls changed nothing and are silent.
/// A rule changed by id without changing what it opens (its description) is a plain change too.
///
/// State, each bounded, the one touched longest ago forgotten first: what the rules with an id are, learned from responses, so that
/// a call that names only ids can be told in words; how often each group was changed. Cost: one comparison for other records; a JSON
/// parse of the parameters for these.
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
  static constexpr std::size_t kMaxGroups = 4'096;

  explicit SecurityGroupChange(Options options) : options_(std::move(options)) {}

  bool wants(const event::CloudTrailEvent& event) const override;
  void observe(const event::CloudTrailEvent& event, event::Emit& emit) override;
  void advance(Timestamp, event::Emit&) override {}
  void save(ByteWriter& out) const override;
  Result<void> load(ByteReader& in) override;
  std::size_t memory_bytes() const override;

 private:
  struct Action;
  struct Verdict;

  struct KnownRule {
    std::uint64_t touched = 0;
    SecurityGroupRule rule;
  };

  struct KnownGroup {
    std::uint64_t touched = 0;
    Timestamp created = kBeginningOfTime;  // kBeginningOfTime: before the log began
    Timestamp last_changed{};
    std::uint32_t changes = 0;
    std::uint32_t openings = 0;  // of them, those that opened it widely
  };

  static const Action* action_of(const event::CloudTrailEvent& event);
  SecurityGroupCall read(const Action& action, const event::CloudTrailEvent& event) const;
  std::vector<SecurityGroupRule> openings_of(const Action& action, const SecurityGroupCall& call) const;
  bool is_public_service(const SecurityGroupRule& rule) const;
  bool is_sensitive(const SecurityGroupRule& rule) const;
  bool is_new(const std::string& group, Timestamp at) const;
  Verdict judge(const std::vector<SecurityGroupRule>& openings, bool new_group) const;
  std::string in_words(const SecurityGroupCall& call) const;
  std::string normal(const std::string& group, Timestamp at) const;
  void learn(const Action& action, const SecurityGroupCall& call, const Verdict& verdict, Timestamp at);
  void learn_rule(const SecurityGroupRule& rule);

  Options options_;
  std::map<std::string, KnownRule, std::less<>> rules_;    // by id
  std::map<std::string, KnownGroup, std::less<>> groups_;  // by id, else name
  std::uint64_t touched_ = 0;
};

}  // namespace trailwarden::detectors
