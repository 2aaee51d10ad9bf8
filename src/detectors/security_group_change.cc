#include "detectors/security_group_change.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/text.h"
#include "detectors/common_options.h"
#include "detectors/ip_prefix.h"

namespace trailwarden::detectors {
namespace {

using event::CloudTrailEvent;
using event::Severity;

enum class Act : std::uint8_t { kOpenIngress, kOpenEgress, kClose, kModify, kCreate, kDelete };

struct Action {
  std::string_view name;
  Act act;
};

constexpr std::array kActions{
    Action{"AuthorizeSecurityGroupIngress", Act::kOpenIngress}, Action{"AuthorizeSecurityGroupEgress", Act::kOpenEgress},
    Action{"RevokeSecurityGroupIngress", Act::kClose},          Action{"RevokeSecurityGroupEgress", Act::kClose},
    Action{"ModifySecurityGroupRules", Act::kModify},           Action{"CreateSecurityGroup", Act::kCreate},
    Action{"DeleteSecurityGroup", Act::kDelete},
};

const Action* action_of(std::string_view event_name) {
  const auto* const found = std::find_if(kActions.begin(), kActions.end(), [event_name](const Action& action) { return action.name == event_name; });
  return found == kActions.end() ? nullptr : found;
}

constexpr event::AttackTechnique kFirewall{"T1562.007", "Impair Defenses: Disable or Modify Cloud Firewall", "Defense Evasion"};

std::string describe(const SecurityGroupRule& rule) {
  return fmt::format("{} from {}", rule.describe_traffic(), rule.source.empty() ? "somewhere" : printable(rule.source));
}

std::string list(std::vector<std::string> parts) {
  constexpr std::size_t kMost = 5;
  const std::size_t all = parts.size();
  if (all > kMost) parts.resize(kMost);
  return fmt::format("{}{}", fmt::join(parts, "; "), all > kMost ? fmt::format("; and {} more", all - kMost) : "");
}

std::string join_ports(const std::vector<std::int64_t>& ports) { return fmt::format("[{}]", fmt::join(ports, ", ")); }

const std::vector<std::int64_t> kSensitivePorts{21,   22,   23,   135,  139,  445,  1433, 1521, 2375, 2376, 3306,
                                                3389, 5432, 5985, 5986, 6379, 6443, 9200, 9300, 10250, 11211, 27017};

}  // namespace

const DetectorInfo& SecurityGroupChange::info() {
  static constexpr std::array kOptions{
      OptionInfo{"sensitive_ports", "list of integers", "TCP or UDP ports",
                 "[21, 22, 23, 135, 139, 445, 1433, 1521, 2375, 2376, 3306, 3389, 5432, 5985, 5986, 6379, 6443, 9200, 9300, 10250, 11211, 27017]",
                 "opening one of them to public addresses is high"},
      OptionInfo{"public_ports", "list of integers", "TCP or UDP ports", "[]", "ports that may be open to the world: opening only these is low"},
      OptionInfo{"private_sources", "boolean", "", "false", "sensitive ports opened to private addresses (RFC 1918, RFC 6598, ULA) are high too"}};
  static constexpr std::array<std::string_view, 4> kBlindSpots{
      "Whether anything uses the group, or another layer (NACL, route, load balancer) blocks the traffic, is not known.",
      "The ranges behind a prefix list or another group are not followed.",
      "A rule changed by id is judged by what the call says of it; a part that the call leaves out is unknown.",
      "Ranges added in several calls are judged call by call."};
  static constexpr DetectorInfo kInfo{"security_group_change",
                                      "Changes of security groups; opening one to the world, to a sensitive port or for all traffic is high.",
                                      "management writes of ec2.amazonaws.com, with request parameters",
                                      kOptions,
                                      kBlindSpots,
                                      "CIS AWS Foundations Benchmark v5.0, 4.10; MITRE ATT&CK T1562.007"};
  return kInfo;
}

ConfiguredDetector SecurityGroupChange::configure(const config::Section& section) {
  ConfiguredDetector configured = common(section, info());
  Options options;
  options.sensitive_ports = section.integers("sensitive_ports", kSensitivePorts, 0, 65535);
  options.public_ports = section.integers("public_ports", {}, 0, 65535);
  options.private_sources = section.boolean("private_sources", false);
  configured.effective.emplace_back("sensitive_ports", join_ports(options.sensitive_ports));
  configured.effective.emplace_back("public_ports", join_ports(options.public_ports));
  configured.effective.emplace_back("private_sources", options.private_sources ? "true" : "false");
  configured.make = [options] { return std::make_unique<SecurityGroupChange>(options); };
  return configured;
}

bool SecurityGroupChange::wants(const CloudTrailEvent& event) const {
  return event.event_source == "ec2.amazonaws.com" && event.event_name.find("SecurityGroup") != std::string_view::npos && !event.failed() &&
         action_of(event.event_name) != nullptr;
}

/// What of a call's rules is worse than a plain change.
struct SecurityGroupChange::Verdict {
  std::string_view what = "change", title = "Security group changed";
  Severity severity = Severity::kLow;
  std::string reason;  // "the whole internet (0.0.0.0/0) on tcp 22 (SSH)"
};

SecurityGroupChange::Verdict SecurityGroupChange::judge(const SecurityGroupCall& call, bool is_ingress) const {
  std::vector<IpPrefix> ranges;
  std::vector<std::string> world, all_traffic, sensitive;
  bool only_public_ports = true;
  for (const SecurityGroupRule& rule : call.rules) {
    const auto range = rule.is_range ? IpPrefix::parse(rule.source) : std::nullopt;
    if (!range) continue;
    ranges.push_back(*range);
    const std::string words = fmt::format("{} on {}", rule.source, rule.describe_traffic());
    const bool is_public_port = !rule.all_traffic() && rule.from_port == rule.to_port &&
                                std::find(options_.public_ports.begin(), options_.public_ports.end(), rule.from_port) != options_.public_ports.end();
    only_public_ports = only_public_ports && is_public_port;
    const auto covers = [&rule](std::int64_t port) { return rule.covers_port(static_cast<int>(port)); };
    const bool is_icmp = rule.protocol == "icmp" || rule.protocol == "icmpv6" || rule.protocol == "1" || rule.protocol == "58";
    if (range->is_world() && !is_public_port) world.push_back(words);
    if (rule.all_traffic()) all_traffic.push_back(words);
    else if (!is_icmp && (options_.private_sources || !range->is_private()) && std::any_of(options_.sensitive_ports.begin(), options_.sensitive_ports.end(), covers))
      sensitive.push_back(words);
  }
  if (world.empty() && !only_public_ports && cover_the_world(ranges)) world.push_back("ranges that together are half of all addresses or more");
  if (!world.empty())
    return {"world_open", is_ingress ? "Security group opened to the world" : "Security group lets out to the world", is_ingress ? Severity::kHigh : Severity::kMedium,
            "to the whole internet: " + list(world)};
  if (!is_ingress) return {};
  if (!all_traffic.empty()) return {"all_traffic_open", "Security group opened for all traffic", Severity::kHigh, "for all traffic: " + list(all_traffic)};
  if (!sensitive.empty()) return {"sensitive_port_open", "Security group opened on a sensitive port", Severity::kHigh, "on a sensitive port: " + list(sensitive)};
  return {};
}

std::string SecurityGroupChange::in_words(const SecurityGroupCall& call) const {
  std::vector<std::string> parts;
  for (const SecurityGroupRule& rule : call.rules) parts.push_back(rule.id.empty() ? describe(rule) : fmt::format("{} ({})", rule.id, describe(rule)));
  for (const std::string& id : call.rule_ids) {
    const auto known = rules_.find(id);
    const auto told = std::find_if(call.result.begin(), call.result.end(), [&id](const SecurityGroupRule& rule) { return rule.id == id; });
    if (told != call.result.end()) parts.push_back(fmt::format("{} ({})", id, describe(*told)));
    else if (known != rules_.end()) parts.push_back(fmt::format("{} ({})", id, known->second.second));
    else parts.push_back(fmt::format("{} (what it let through is not known)", printable(id)));
  }
  return list(std::move(parts));
}

void SecurityGroupChange::learn(const std::vector<SecurityGroupRule>& rules) {
  for (const SecurityGroupRule& rule : rules) {
    if (rule.id.empty() || rule.protocol.empty()) continue;
    rules_[rule.id] = {learned_++, describe(rule)};
    if (rules_.size() <= kMaxRules) continue;
    rules_.erase(std::min_element(rules_.begin(), rules_.end(), [](const auto& a, const auto& b) { return a.second.first < b.second.first; }));
  }
}

void SecurityGroupChange::observe(const CloudTrailEvent& event, event::Emit& emit) {
  const Act act = action_of(event.event_name)->act;
  const SecurityGroupCall call = read_security_group_call(event);
  // A rule changed by id may be of either direction; without word of it, the worse is assumed.
  const bool opens = act == Act::kOpenIngress || act == Act::kOpenEgress || act == Act::kModify;
  const Verdict verdict = opens ? judge(call, act != Act::kOpenEgress) : Verdict{};

  const std::string who = event::describe_principal(event);
  const std::string group = call.group.empty() ? "a security group" : "security group " + printable(call.group);
  const std::string where = fmt::format(" in {} of account {}, from {}.", event.region(), event.account(), printable(event.source_ip_address));
  const std::string rules = in_words(call);
  event::Finding finding = event::finding_about(event, info().name, verdict.what);
  if (!verdict.reason.empty()) {
    finding.sentence = fmt::format("{} opened {} {}{}{}", who, group, act == Act::kOpenEgress ? "for traffic going out, " : "", verdict.reason, where);
  } else {
    static constexpr std::array<std::string_view, 6> kVerbs{"added ingress rules to", "added egress rules to", "removed rules from",
                                                            "changed rules of",       "created",               "deleted"};
    finding.sentence = fmt::format("{} {} {}{}{}", who, kVerbs[static_cast<std::size_t>(act)], group, rules.empty() ? "" : " (" + rules + ")", where);
  }
  finding.entity = call.group.empty() ? "unknown" : call.group;
  finding.title = verdict.title;
  finding.severity = verdict.severity;
  finding.attack = kFirewall;
  finding.cis_controls = {"4.10"};
  finding.normal = verdict.reason.empty() ? "Any change of a security group is reported; this one opens nothing widely."
                                          : "Groups are expected to be open to known addresses and ports only.";
  emit(std::move(finding));
  learn(call.result);
  if (act == Act::kModify) learn(call.rules);
}

void SecurityGroupChange::save(ByteWriter& out) const {
  out.number(learned_);
  out.number(static_cast<std::uint32_t>(rules_.size()));
  for (const auto& [id, rule] : rules_) {
    out.text(id);
    out.number(rule.first);
    out.text(rule.second);
  }
}

Result<void> SecurityGroupChange::load(ByteReader& in) {
  rules_.clear();
  learned_ = in.number<std::uint64_t>();
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    std::string id = in.text();
    const auto when = in.number<std::uint64_t>();
    rules_[std::move(id)] = {when, in.text()};
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "security_group_change: state ends too early");
  return {};
}

std::size_t SecurityGroupChange::memory_bytes() const {
  std::size_t total = sizeof *this;
  for (const auto& [id, rule] : rules_) total += 96 + id.capacity() + rule.second.capacity();
  return total;
}

}  // namespace trailwarden::detectors
