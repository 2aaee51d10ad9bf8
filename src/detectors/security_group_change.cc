#include "detectors/security_group_change.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/text.h"
#include "detectors/common_options.h"
#include "detectors/ip_prefix.h"
#include "detectors/phrases.h"

namespace trailwarden::detectors {

/// One of EC2's actions on security groups.
struct SecurityGroupChange::Action {
  enum class Kind : std::uint8_t { kAuthorize, kRevoke, kModify, kCreate, kDelete };
  std::string_view name;
  Kind kind;
  bool egress;
  std::string_view verb;  // of a plain change
};

/// What of a call is worse than a plain change, and how the finding says it.
struct SecurityGroupChange::Verdict {
  std::string_view what = "change", title = "Security group changed";
  event::Severity severity = event::Severity::kLow;
  std::string opened;  // "to the whole internet (0.0.0.0/0) on tcp 22 (SSH)"; empty for a plain change
};

namespace {

using event::CloudTrailEvent;
using event::Severity;
using namespace std::chrono_literals;

constexpr std::chrono::seconds kNewFor = 1h;
constexpr event::AttackTechnique kFirewall{"T1562.007", "Disable or Modify Cloud Firewall", "Defense Evasion"};
constexpr std::string_view kSensitivePorts =
    "[21, 22, 23, 135, 139, 445, 1433, 1521, 2375, 2376, 3306, 3389, 5432, 5985, 5986, 6379, 6443, 9200, 9300, 10250, 11211, 27017]";

std::vector<std::int64_t> default_sensitive_ports() {
  return {21,   22,   23,   135,  139,  445,  1433, 1521, 2375, 2376,  3306,
          3389, 5432, 5985, 5986, 6379, 6443, 9200, 9300, 10250, 11211, 27017};
}

std::string in_brackets(const std::vector<std::int64_t>& ports) { return fmt::format("[{}]", fmt::join(ports, ", ")); }

std::string describe(const SecurityGroupRule& rule) {
  if (rule.peer.empty()) return rule.describe_traffic();
  return fmt::format("{} {} {}", rule.describe_traffic(), rule.egress.value_or(false) ? "to" : "from", printable(rule.peer, 60));
}

/// "to the whole internet (0.0.0.0/0, ::/0) on tcp 22 (SSH)"; `whom` may be empty. Rules that differ in what they let through are
/// told one by one.
std::string opened(std::string_view whom, const std::vector<const SecurityGroupRule*>& rules) {
  std::map<std::string, std::vector<std::string>> traffic_by_peer;
  std::vector<std::string> each;
  bool all_traffic = true;
  for (const SecurityGroupRule* rule : rules) {
    traffic_by_peer[printable(rule->peer, 60)].push_back(rule->describe_traffic());
    each.push_back(describe(*rule));
    all_traffic = all_traffic && rule->all_traffic();
  }
  const auto& [peer, traffic] = *traffic_by_peer.begin();
  const bool alike = std::all_of(traffic_by_peer.begin(), traffic_by_peer.end(), [&t = traffic](const auto& entry) { return entry.second == t; });
  if (!alike) return fmt::format("to {}: {},", whom.empty() ? "several ranges" : whom, enumerate(each));
  std::vector<std::string> peers;
  for (const auto& entry : traffic_by_peer) peers.push_back(entry.first);
  const std::string ranges = enumerate(peers);
  return fmt::format("to {} {} {}", whom.empty() ? ranges : fmt::format("{} ({})", whom, ranges), all_traffic ? "for" : "on", enumerate(traffic));
}

/// Those of the rules that let in half of the internet each; all of them if it takes them together.
std::vector<const SecurityGroupRule*> widest(const std::vector<const SecurityGroupRule*>& rules) {
  std::vector<const SecurityGroupRule*> wide;
  for (const SecurityGroupRule* rule : rules)
    if (share_of_internet({*IpPrefix::parse(rule->peer)}) >= 0.5) wide.push_back(rule);
  return wide.empty() ? rules : wide;
}

std::string opened_to_world(double share, const std::vector<const SecurityGroupRule*>& rules) {
  return opened(share >= 1 ? "the whole internet" : "half of the internet or more", widest(rules));
}

/// Makes room for one more by forgetting the entry touched longest ago.
template <class Map>
void make_room(Map& known, const std::string& key, std::size_t most) {
  if (known.size() < most || known.contains(key)) return;
  known.erase(std::min_element(known.begin(), known.end(), [](const auto& a, const auto& b) { return a.second.touched < b.second.touched; }));
}

}  // namespace

const DetectorInfo& SecurityGroupChange::info() {
  static constexpr std::array kOptions{
      OptionInfo{"sensitive_ports", "list of integers", "TCP or UDP ports", kSensitivePorts, "opening one of them to public addresses is high"},
      OptionInfo{"public_ports", "list of integers", "TCP or UDP ports", "[]", "ports that may be open to the world: opening only these is low"},
      OptionInfo{"private_sources", "boolean", "", "false", "sensitive ports opened to private addresses (RFC 1918, RFC 6598, ULA) are high too"}};
  static constexpr std::array<std::string_view, 6> kBlindSpots{
      "Whether anything uses the group, or another layer (NACL, route, load balancer) blocks the traffic, is not known.",
      "The ranges behind a prefix list or another group are not followed.",
      "A rule changed by id is judged by what the call says of it; if its direction was never seen, it is taken for ingress.",
      "Ranges added in several calls are judged call by call, so an opening in small pieces is a row of low findings.",
      "Attaching an open group to an instance or interface is not a change of the group.",
      "Security groups of other services (RDS and ElastiCache Classic, Redshift) are not covered."};
  static constexpr std::string_view kBehaviours[] = {"B122"};
  static constexpr DetectorInfo kInfo{"security_group_change",
                                      "Changes of security groups; opening one to the world, to a sensitive port or for all traffic is high.",
                                      "management writes of ec2.amazonaws.com, with request parameters",
                                      kOptions,
                                      kBlindSpots,
                                      "CIS AWS Foundations Benchmark v5.0, 4.10; MITRE ATT&CK T1562.007",
                                      kBehaviours};
  return kInfo;
}

ConfiguredDetector SecurityGroupChange::configure(const config::Section& section) {
  ConfiguredDetector configured = common(section, info());
  Options options;
  options.sensitive_ports = section.integers("sensitive_ports", default_sensitive_ports(), 0, 65535);
  options.public_ports = section.integers("public_ports", {}, 0, 65535);
  options.private_sources = section.boolean("private_sources", false);
  configured.effective.emplace_back("sensitive_ports", in_brackets(options.sensitive_ports));
  configured.effective.emplace_back("public_ports", in_brackets(options.public_ports));
  configured.effective.emplace_back("private_sources", options.private_sources ? "true" : "false");
  configured.make = [options] { return std::make_unique<SecurityGroupChange>(options); };
  return configured;
}

const SecurityGroupChange::Action* SecurityGroupChange::action_of(const CloudTrailEvent& event) {
  using Kind = Action::Kind;
  static constexpr std::array kActions{
      Action{"AuthorizeSecurityGroupIngress", Kind::kAuthorize, false, "added ingress rules to"},
      Action{"AuthorizeSecurityGroupEgress", Kind::kAuthorize, true, "added egress rules to"},
      Action{"RevokeSecurityGroupIngress", Kind::kRevoke, false, "removed ingress rules from"},
      Action{"RevokeSecurityGroupEgress", Kind::kRevoke, true, "removed egress rules from"},
      Action{"ModifySecurityGroupRules", Kind::kModify, false, "changed rules of"},
      Action{"CreateSecurityGroup", Kind::kCreate, false, "created"},
      Action{"DeleteSecurityGroup", Kind::kDelete, false, "deleted"}};
  const auto* const found = std::find_if(kActions.begin(), kActions.end(), [&event](const Action& action) { return action.name == event.event_name; });
  return found == kActions.end() ? nullptr : found;
}

bool SecurityGroupChange::wants(const CloudTrailEvent& event) const {
  return event.event_source == "ec2.amazonaws.com" && !event.failed() && event.category != event::EventCategory::kNetworkActivity &&
         event.event_name.find("SecurityGroup") != std::string_view::npos && action_of(event) != nullptr;
}

/// The call with the direction of its rules filled in: the action's, or for rules changed by id what is known of them.
SecurityGroupCall SecurityGroupChange::read(const Action& action, const CloudTrailEvent& event) const {
  SecurityGroupCall call = read_security_group_call(event);
  for (auto* rules : {&call.rules, &call.result}) {
    for (SecurityGroupRule& rule : *rules) {
      if (rule.egress) continue;
      const auto known = rules_.find(rule.id);
      if (action.kind != Action::Kind::kModify) rule.egress = action.egress;
      else if (known != rules_.end()) rule.egress = known->second.rule.egress;
    }
  }
  return call;
}

/// The rules that let something new through.
std::vector<SecurityGroupRule> SecurityGroupChange::openings_of(const Action& action, const SecurityGroupCall& call) const {
  if (action.kind != Action::Kind::kAuthorize && action.kind != Action::Kind::kModify) return {};
  std::vector<SecurityGroupRule> openings = call.rules.empty() ? call.result : call.rules;
  std::erase_if(openings, [&](const SecurityGroupRule& rule) {
    const auto known = action.kind == Action::Kind::kModify ? rules_.find(rule.id) : rules_.end();
    const bool only_its_description = known != rules_.end() && known->second.rule.is_same_opening(rule);
    return rule.peer.empty() || only_its_description;
  });
  return openings;
}

/// Every port of the rule is one that may be open to the world.
bool SecurityGroupChange::is_public_service(const SecurityGroupRule& rule) const {
  if (!rule.is_tcp_or_udp() || rule.from_port < 0 || rule.to_port - rule.from_port >= static_cast<int>(options_.public_ports.size())) return false;
  for (int port = rule.from_port; port <= rule.to_port; ++port)
    if (std::find(options_.public_ports.begin(), options_.public_ports.end(), port) == options_.public_ports.end()) return false;
  return true;
}

bool SecurityGroupChange::is_sensitive(const SecurityGroupRule& rule) const {
  return std::any_of(options_.sensitive_ports.begin(), options_.sensitive_ports.end(), [&rule](std::int64_t port) { return rule.covers_port(static_cast<int>(port)); });
}

bool SecurityGroupChange::is_new(const std::string& group, Timestamp at) const {
  const auto known = groups_.find(group);
  return known != groups_.end() && known->second.created != kBeginningOfTime && at - known->second.created < kNewFor;
}

SecurityGroupChange::Verdict SecurityGroupChange::judge(const std::vector<SecurityGroupRule>& openings, bool new_group) const {
  std::vector<const SecurityGroupRule*> ingress, egress, all_traffic, sensitive;
  std::vector<IpPrefix> ingress_ranges, egress_ranges;
  for (const SecurityGroupRule& rule : openings) {
    const auto range = rule.is_range ? IpPrefix::parse(rule.peer) : std::nullopt;
    if (!range || is_public_service(rule)) continue;
    const bool out = rule.egress.value_or(false);  // of a rule that nothing is known of the worse is assumed
    (out ? egress : ingress).push_back(&rule);
    (out ? egress_ranges : ingress_ranges).push_back(*range);
    if (out) continue;
    if (rule.all_traffic()) all_traffic.push_back(&rule);
    else if (is_sensitive(rule) && (options_.private_sources || !range->is_private())) sensitive.push_back(&rule);
  }
  if (const double share = share_of_internet(ingress_ranges); share >= 0.5)
    return {"world_open", "Security group opened to the world", Severity::kHigh, opened_to_world(share, ingress)};
  if (!all_traffic.empty()) return {"all_traffic_open", "Security group opened for all traffic", Severity::kHigh, opened("", all_traffic)};
  if (!sensitive.empty()) return {"sensitive_port_open", "Security group opened on a sensitive port", Severity::kHigh, opened("", sensitive)};
  if (const double share = share_of_internet(egress_ranges); share >= 0.5 && !new_group)
    return {"egress_world_open", "Security group lets traffic out to the world", Severity::kMedium, "for outgoing traffic " + opened_to_world(share, egress)};
  return {};
}

/// The rules of a plain change: as the call has them, or, for those that it names by id, as the response or an earlier one told them.
std::string SecurityGroupChange::in_words(const SecurityGroupCall& call) const {
  std::vector<std::string> parts;
  for (const SecurityGroupRule& rule : call.rules) {
    const auto known = rules_.find(rule.id);
    const std::string before = known == rules_.end() ? "" : fmt::format(", before {}", describe(known->second.rule));
    parts.push_back(rule.id.empty() ? describe(rule) : fmt::format("{} is now {}{}", printable(rule.id, 60), describe(rule), before));
  }
  for (const std::string& id : call.rule_ids) {
    const auto told = std::find_if(call.result.begin(), call.result.end(), [&id](const SecurityGroupRule& rule) { return rule.id == id; });
    const auto known = rules_.find(id);
    const std::string words = told != call.result.end() ? describe(*told) : known != rules_.end() ? describe(known->second.rule) : "of which no more is known";
    parts.push_back(fmt::format("{}, {}", printable(id, 60), words));
  }
  return parts.empty() ? "" : fmt::format(" ({})", enumerate(parts, 5, "; "));
}

std::string SecurityGroupChange::normal(const std::string& group, Timestamp at) const {
  const auto known = groups_.find(group);
  if (known == groups_.end()) return "No change of this group had been seen since the log began; what it let through before is not known.";
  const KnownGroup& before = known->second;
  const std::string since = before.created == kBeginningOfTime || before.created > at ? "Since the log began" : fmt::format("Since it was created {} before", trailwarden::describe(at - before.created));
  if (before.changes == 0) return since + ", this group had not been changed.";
  const std::string last = before.last_changed > at ? fmt::format("again at {}", format_time(before.last_changed)) : fmt::format("last at {}", format_time(before.last_changed));
  return fmt::format("{}, this group had been changed {}, {}; {}.", since, before.changes == 1 ? "once" : fmt::format("{} times", before.changes), last,
                     before.openings == 0 ? "none of these opened it widely" : fmt::format("{} of these opened it widely", before.openings));
}

void SecurityGroupChange::observe(const CloudTrailEvent& event, event::Emit& emit) {
  const Action& action = *action_of(event);
  const SecurityGroupCall call = read(action, event);
  const Verdict verdict = judge(openings_of(action, call), is_new(call.group, event.event_time));

  std::string group = call.group.empty() ? "a security group that the record does not name" : "security group " + printable(call.group);
  if (action.kind == Action::Kind::kCreate && !call.group_name.empty() && call.group_name != call.group) group += fmt::format(" ({})", printable(call.group_name, 60));
  event::Finding finding = event::finding_about(event, info().name, verdict.what);
  finding.sentence = verdict.opened.empty() ? fmt::format("{} {} {}{} {}.", who(event), action.verb, group, in_words(call), where_and_whence(event))
                                            : fmt::format("{} opened {} {} {}.", who(event), group, verdict.opened, where_and_whence(event));
  finding.entity = call.group.empty() ? "unknown" : call.group;
  finding.title = verdict.title;
  finding.severity = verdict.severity;
  finding.attack = kFirewall;
  finding.cis_controls = {"4.10"};
  finding.normal = normal(call.group, event.event_time);
  emit(std::move(finding));
  learn(action, call, verdict, event.event_time);
}

void SecurityGroupChange::learn(const Action& action, const SecurityGroupCall& call, const Verdict& verdict, Timestamp at) {
  if (action.kind == Action::Kind::kRevoke) {
    for (const std::string& id : call.rule_ids) rules_.erase(id);
    for (const SecurityGroupRule& rule : call.result) rules_.erase(rule.id);
  } else {
    for (const SecurityGroupRule& rule : action.kind == Action::Kind::kModify ? call.rules : call.result) learn_rule(rule);
  }
  if (call.group.empty()) return;
  if (action.kind == Action::Kind::kDelete) {
    groups_.erase(call.group);
    return;
  }
  make_room(groups_, call.group, kMaxGroups);
  KnownGroup& group = groups_[call.group];
  group.touched = ++touched_;
  if (action.kind == Action::Kind::kCreate) {
    group.created = at;
    return;
  }
  group.last_changed = group.changes == 0 ? at : std::max(group.last_changed, at);
  ++group.changes;
  if (verdict.severity >= Severity::kHigh) ++group.openings;
}

void SecurityGroupChange::learn_rule(const SecurityGroupRule& rule) {
  if (rule.id.empty() || rule.protocol.empty()) return;
  make_room(rules_, rule.id, kMaxRules);
  rules_[rule.id] = {++touched_, rule};
}

void SecurityGroupChange::save(ByteWriter& out) const {
  out.number(touched_);
  out.number(static_cast<std::uint32_t>(rules_.size()));
  for (const auto& [id, known] : rules_) {
    const SecurityGroupRule& rule = known.rule;
    out.number(known.touched);
    for (const std::string* text : {&rule.id, &rule.protocol, &rule.peer}) out.text(*text);
    out.signed_number(rule.from_port);
    out.signed_number(rule.to_port);
    out.flag(rule.is_range);
    out.flag(rule.egress.has_value());
    out.flag(rule.egress.value_or(false));
  }
  out.number(static_cast<std::uint32_t>(groups_.size()));
  for (const auto& [name, group] : groups_) {
    out.text(name);
    out.number(group.touched);
    out.time(group.created);
    out.time(group.last_changed);
    out.number(group.changes);
    out.number(group.openings);
  }
}

Result<void> SecurityGroupChange::load(ByteReader& in) {
  rules_.clear();
  groups_.clear();
  touched_ = in.number<std::uint64_t>();
  const auto rules = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < rules && in.ok(); ++i) {
    KnownRule known;
    SecurityGroupRule& rule = known.rule;
    known.touched = in.number<std::uint64_t>();
    for (std::string* text : {&rule.id, &rule.protocol, &rule.peer}) *text = in.text();
    rule.from_port = static_cast<int>(in.signed_number());
    rule.to_port = static_cast<int>(in.signed_number());
    rule.is_range = in.flag();
    const bool has_direction = in.flag(), egress = in.flag();
    if (has_direction) rule.egress = egress;
    rules_[rule.id] = known;
  }
  const auto groups = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < groups && in.ok(); ++i) {
    KnownGroup& group = groups_[in.text()];
    group.touched = in.number<std::uint64_t>();
    group.created = in.time();
    group.last_changed = in.time();
    group.changes = in.number<std::uint32_t>();
    group.openings = in.number<std::uint32_t>();
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "security_group_change: state ends too early");
  return {};
}

std::size_t SecurityGroupChange::memory_bytes() const {
  constexpr std::size_t kMapNode = 4 * sizeof(void*);
  std::size_t total = sizeof *this;
  for (const auto& [id, known] : rules_)
    total += kMapNode + sizeof id + sizeof known + id.capacity() + known.rule.id.capacity() + known.rule.protocol.capacity() + known.rule.peer.capacity();
  for (const auto& [name, group] : groups_) total += kMapNode + sizeof name + sizeof group + name.capacity();
  return total;
}

}  // namespace trailwarden::detectors
