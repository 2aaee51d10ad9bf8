#include "detectors/security_group_rule.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "core/text.h"
#include "detectors/json_lookup.h"

namespace trailwarden::detectors {
namespace {

int port_of(const json& permission, std::initializer_list<const char*> names) {
  const std::string text = text_of(permission, names);
  int port = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} ? std::clamp(port, -1, 65535) : -1;
}

/// What a permission lets through, without from where.
SecurityGroupRule traffic_of(const json& permission) {
  SecurityGroupRule rule;
  rule.id = text_of(permission, {"securityGroupRuleId", "SecurityGroupRuleId"});
  rule.protocol = text_of(permission, {"ipProtocol", "IpProtocol"});
  rule.from_port = port_of(permission, {"fromPort", "FromPort"});
  rule.to_port = port_of(permission, {"toPort", "ToPort"});
  rule.egress = flag_of(permission, {"isEgress", "IsEgress"});
  return rule;
}

void add(std::vector<SecurityGroupRule>& rules, SecurityGroupRule rule, std::string peer, bool is_range) {
  if (peer.empty()) return;
  rule.peer = std::move(peer);
  rule.is_range = is_range;
  rules.push_back(std::move(rule));
}

/// The rules of one element of `ipPermissions`, of the flat form, or of a single rule: one for each peer.
std::vector<SecurityGroupRule> rules_of(const json& permission) {
  std::vector<SecurityGroupRule> rules;
  const SecurityGroupRule traffic = traffic_of(permission);
  for (const json* range : items_of(member(permission, {"ipRanges", "IpRanges"}))) add(rules, traffic, text_of(*range, {"cidrIp", "CidrIp"}), true);
  for (const json* range : items_of(member(permission, {"ipv6Ranges", "Ipv6Ranges"}))) add(rules, traffic, text_of(*range, {"cidrIpv6", "CidrIpv6"}), true);
  for (const json* group : items_of(member(permission, {"groups", "userIdGroupPairs", "UserIdGroupPairs"})))
    add(rules, traffic, text_of(*group, {"groupId", "GroupId", "groupName", "GroupName"}), false);
  for (const json* list : items_of(member(permission, {"prefixListIds", "PrefixListIds"}))) add(rules, traffic, text_of(*list, {"prefixListId", "PrefixListId"}), false);
  add(rules, traffic, text_of(permission, {"cidrIp", "CidrIp", "cidrIpv4", "CidrIpv4"}), true);
  add(rules, traffic, text_of(permission, {"cidrIpv6", "CidrIpv6"}), true);
  add(rules, traffic, text_of(permission, {"sourceSecurityGroupId", "sourceSecurityGroupName", "referencedGroupId", "ReferencedGroupId"}), false);
  add(rules, traffic, text_of(member(permission, {"referencedGroupInfo"}), {"groupId"}), false);
  add(rules, traffic, text_of(permission, {"prefixListId", "PrefixListId"}), false);
  return rules;
}

/// A rule as ModifySecurityGroupRules and the responses write it: it has one peer, if any is written.
SecurityGroupRule single_rule(const json& written) {
  const std::vector<SecurityGroupRule> rules = rules_of(written);
  return rules.empty() ? traffic_of(written) : rules.front();
}

void read_modification(SecurityGroupCall& call, const json& request) {
  if (call.group.empty()) call.group = text_of(request, {"GroupId", "groupId"});
  for (const json* change : items_of(member(request, {"SecurityGroupRule", "securityGroupRule", "SecurityGroupRules", "securityGroupRules"}))) {
    SecurityGroupRule rule = single_rule(member(*change, {"SecurityGroupRule", "securityGroupRule"}));
    rule.id = text_of(*change, {"SecurityGroupRuleId", "securityGroupRuleId"});
    call.rules.push_back(std::move(rule));
  }
}

void read_request(SecurityGroupCall& call, const json& request) {
  call.group = text_of(request, {"groupId", "GroupId"});
  call.group_name = text_of(request, {"groupName", "GroupName"});
  for (const json* permission : items_of(member(request, {"ipPermissions", "IpPermissions"})))
    for (SecurityGroupRule& rule : rules_of(*permission)) call.rules.push_back(std::move(rule));
  if (call.rules.empty()) call.rules = rules_of(request);  // the flat form
  for (const json* change : items_of(member(request, {"ModifySecurityGroupRulesRequest", "modifySecurityGroupRulesRequest"}))) read_modification(call, *change);
  for (const json* id : items_of(member(request, {"securityGroupRuleIds", "SecurityGroupRuleIds", "securityGroupRuleId", "SecurityGroupRuleId"}))) {
    std::string text = id->is_string() ? id->get<std::string>() : text_of(*id, {"securityGroupRuleId", "SecurityGroupRuleId"});
    if (!text.empty()) call.rule_ids.push_back(std::move(text));
  }
}

void read_response(SecurityGroupCall& call, const json& response) {
  if (call.group.empty()) call.group = text_of(response, {"groupId", "GroupId"});
  for (const json* rule : items_of(member(response, {"securityGroupRuleSet", "revokedSecurityGroupRuleSet"}))) {
    call.result.push_back(single_rule(*rule));
    if (call.group.empty()) call.group = text_of(*rule, {"groupId"});
  }
}

std::string_view service_of(int port) {
  static constexpr std::array<std::pair<int, std::string_view>, 28> kServices{{
      {20, "FTP"},          {21, "FTP"},           {22, "SSH"},        {23, "Telnet"},      {25, "SMTP"},   {53, "DNS"},        {80, "HTTP"},
      {135, "RPC"},         {139, "NetBIOS"},      {389, "LDAP"},      {443, "HTTPS"},      {445, "SMB"},   {1433, "SQL Server"}, {1521, "Oracle"},
      {2049, "NFS"},        {2375, "Docker"},      {2376, "Docker"},   {3306, "MySQL"},     {3389, "RDP"},  {5432, "PostgreSQL"}, {5985, "WinRM"},
      {5986, "WinRM"},      {6379, "Redis"},       {6443, "Kubernetes"}, {9200, "Elasticsearch"}, {10250, "kubelet"}, {11211, "Memcached"}, {27017, "MongoDB"},
  }};
  const auto* const found = std::find_if(kServices.begin(), kServices.end(), [port](const auto& service) { return service.first == port; });
  return found == kServices.end() ? std::string_view{} : found->second;
}

/// The protocol by its name where it has a common one; EC2 takes and gives IANA numbers too.
std::string_view protocol_name(std::string_view protocol) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kNumbers{
      {{"1", "icmp"}, {"6", "tcp"}, {"17", "udp"}, {"50", "esp"}, {"51", "ah"}, {"58", "icmpv6"}}};
  const auto* const found = std::find_if(kNumbers.begin(), kNumbers.end(), [protocol](const auto& row) { return row.first == protocol; });
  return found == kNumbers.end() ? protocol : found->second;
}

}  // namespace

bool SecurityGroupRule::is_tcp_or_udp() const {
  const std::string_view name = protocol_name(protocol);
  return name == "tcp" || name == "udp";
}

bool SecurityGroupRule::is_same_opening(const SecurityGroupRule& other) const {
  return protocol_name(protocol) == protocol_name(other.protocol) && from_port == other.from_port && to_port == other.to_port && peer == other.peer;
}

std::string SecurityGroupRule::describe_traffic() const {
  if (protocol == "-1") return "all traffic";
  const std::string name = protocol.empty() ? "traffic" : printable(protocol_name(protocol), 20);
  if (all_traffic()) return fmt::format("all {} ports", name);
  if (!is_tcp_or_udp() || from_port < 0) return name;
  if (from_port != to_port) return fmt::format("{} {}-{}", name, from_port, to_port);
  const std::string_view service = service_of(from_port);
  return fmt::format("{} {}{}", name, from_port, service.empty() ? "" : fmt::format(" ({})", service));
}

SecurityGroupCall read_security_group_call(const event::CloudTrailEvent& event) {
  SecurityGroupCall call;
  read_request(call, parse_json(event.request_parameters));
  read_response(call, parse_json(event.response_elements));
  if (call.group.empty()) call.group = call.group_name;
  return call;
}

}  // namespace trailwarden::detectors
