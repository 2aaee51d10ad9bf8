#include "detectors/security_group_rule.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace trailwarden::detectors {
namespace {

using nlohmann::json;

const json& nothing() {
  static const json kNothing;
  return kNothing;
}

/// A member under any of its spellings: EC2 writes `groupId` in most actions and `GroupId` in the newest.
const json& member(const json& object, std::initializer_list<const char*> names) {
  if (!object.is_object()) return nothing();
  for (const char* name : names)
    if (const auto found = object.find(name); found != object.end()) return *found;
  return nothing();
}

std::string text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return std::to_string(value.get<std::int64_t>());
  return {};
}

int number(const json& value) {
  if (value.is_number_integer()) return static_cast<int>(std::clamp<std::int64_t>(value.get<std::int64_t>(), -1, 65535));
  if (value.is_string()) return std::atoi(value.get_ref<const std::string&>().c_str());
  return -1;
}

/// A list, whether written `[...]`, `{"items": [...]}` or as its only element.
std::vector<const json*> items(const json& list) {
  const json& inner = list.is_object() && list.contains("items") ? list["items"] : list;
  std::vector<const json*> out;
  if (inner.is_array())
    for (const json& item : inner) out.push_back(&item);
  else if (inner.is_object() && !inner.empty())
    out.push_back(&inner);
  return out;
}

SecurityGroupRule traffic_of(const json& permission) {
  SecurityGroupRule rule;
  rule.protocol = text(member(permission, {"ipProtocol", "IpProtocol"}));
  rule.from_port = number(member(permission, {"fromPort", "FromPort"}));
  rule.to_port = number(member(permission, {"toPort", "ToPort"}));
  rule.id = text(member(permission, {"securityGroupRuleId", "SecurityGroupRuleId"}));
  return rule;
}

void add(std::vector<SecurityGroupRule>& rules, SecurityGroupRule rule, const json& source, bool is_range) {
  rule.source = text(source);
  rule.is_range = is_range;
  if (!rule.source.empty()) rules.push_back(std::move(rule));
}

/// The rules of one element of `ipPermissions`, or of the flat form.
void add_permission(std::vector<SecurityGroupRule>& rules, const json& permission) {
  const SecurityGroupRule traffic = traffic_of(permission);
  for (const json* range : items(member(permission, {"ipRanges", "IpRanges"}))) add(rules, traffic, member(*range, {"cidrIp", "CidrIp"}), true);
  for (const json* range : items(member(permission, {"ipv6Ranges", "Ipv6Ranges"}))) add(rules, traffic, member(*range, {"cidrIpv6", "CidrIpv6"}), true);
  for (const json* group : items(member(permission, {"groups", "userIdGroupPairs", "UserIdGroupPairs"})))
    add(rules, traffic, member(*group, {"groupId", "groupName", "GroupId"}), false);
  for (const json* list : items(member(permission, {"prefixListIds", "PrefixListIds"}))) add(rules, traffic, member(*list, {"prefixListId", "PrefixListId"}), false);
  for (const char* name : {"cidrIp", "CidrIp", "cidrIpv4", "CidrIpv4", "cidrIpv6", "CidrIpv6"}) add(rules, traffic, member(permission, {name}), true);
}

/// A rule as ModifySecurityGroupRules and the responses write it.
SecurityGroupRule single_rule(const json& written) {
  std::vector<SecurityGroupRule> found;
  add_permission(found, written);
  SecurityGroupRule rule = found.empty() ? traffic_of(written) : found.front();
  if (!found.empty()) return rule;
  const json& group = member(written, {"referencedGroupInfo"});
  rule.source = text(group.is_object() ? member(group, {"groupId"}) : member(written, {"ReferencedGroupId", "referencedGroupId", "PrefixListId", "prefixListId"}));
  return rule;
}

void read_modification(SecurityGroupCall& call, const json& request) {
  if (call.group.empty()) call.group = text(member(request, {"GroupId", "groupId"}));
  for (const json* change : items(member(request, {"SecurityGroupRule", "securityGroupRule", "SecurityGroupRules", "securityGroupRules"}))) {
    SecurityGroupRule rule = single_rule(member(*change, {"SecurityGroupRule", "securityGroupRule"}));
    rule.id = text(member(*change, {"SecurityGroupRuleId", "securityGroupRuleId"}));
    call.rules.push_back(std::move(rule));
  }
}

std::string_view service_of(int port) {
  static constexpr std::array<std::pair<int, std::string_view>, 22> kServices{{
      {20, "FTP"},      {21, "FTP"},        {22, "SSH"},          {23, "Telnet"},     {25, "SMTP"},       {53, "DNS"},    {80, "HTTP"},      {135, "RPC"},
      {139, "NetBIOS"}, {443, "HTTPS"},     {445, "SMB"},         {1433, "SQL Server"}, {1521, "Oracle"}, {2375, "Docker"}, {3306, "MySQL"}, {3389, "RDP"},
      {5432, "PostgreSQL"}, {5985, "WinRM"}, {6379, "Redis"},     {6443, "Kubernetes"}, {9200, "Elasticsearch"}, {27017, "MongoDB"},
  }};
  const auto* const found = std::find_if(kServices.begin(), kServices.end(), [port](const auto& service) { return service.first == port; });
  return found == kServices.end() ? std::string_view{} : found->second;
}

std::string protocol_name(const std::string& protocol) {
  return protocol == "6" ? "tcp" : protocol == "17" ? "udp" : protocol == "1" ? "icmp" : protocol;
}

}  // namespace

std::string SecurityGroupRule::describe_traffic() const {
  if (protocol == "-1") return "all traffic";
  const std::string name = protocol.empty() ? "traffic" : protocol_name(protocol);
  if (all_traffic()) return fmt::format("all {} ports", name);
  if (from_port < 0) return name;
  if (from_port != to_port) return fmt::format("{} {}-{}", name, from_port, to_port);
  const std::string_view service = service_of(from_port);
  return fmt::format("{} {}{}", name, from_port, service.empty() ? "" : fmt::format(" ({})", service));
}

SecurityGroupCall read_security_group_call(const event::CloudTrailEvent& event) {
  SecurityGroupCall call;
  const json request = json::parse(event.request_parameters, nullptr, false);
  const json response = json::parse(event.response_elements, nullptr, false);
  call.group = text(member(request, {"groupId", "GroupId"}));
  if (call.group.empty()) call.group = text(member(response, {"groupId", "GroupId"}));
  if (call.group.empty()) call.group = text(member(request, {"groupName", "GroupName"}));
  for (const json* permission : items(member(request, {"ipPermissions", "IpPermissions"}))) add_permission(call.rules, *permission);
  if (call.rules.empty() && request.is_object()) add_permission(call.rules, request);
  for (const json* change : items(member(request, {"ModifySecurityGroupRulesRequest", "modifySecurityGroupRulesRequest"}))) read_modification(call, *change);
  for (const json* id : items(member(request, {"securityGroupRuleIds", "SecurityGroupRuleIds"}))) {
    const std::string rule_id = id->is_string() ? id->get<std::string>() : text(member(*id, {"securityGroupRuleId", "SecurityGroupRuleId"}));
    if (!rule_id.empty()) call.rule_ids.push_back(rule_id);
  }
  for (const char* set : {"securityGroupRuleSet", "revokedSecurityGroupRuleSet"})
    for (const json* rule : items(member(response, {set}))) call.result.push_back(single_rule(*rule));
  if (call.group.empty() && !call.result.empty() && response.is_object())
    for (const json* rule : items(member(response, {"securityGroupRuleSet", "revokedSecurityGroupRuleSet"}))) call.group = text(member(*rule, {"groupId"}));
  return call;
}

}  // namespace trailwarden::detectors
