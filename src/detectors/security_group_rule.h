#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/cloudtrail_event.h"

namespace trailwarden::detectors {

/// One rule of a security group: what it lets through, and from or to where.
struct SecurityGroupRule {
  std::string id;        // "sgr-...", where known
  std::string protocol;  // "tcp", "udp", "icmp", a number, or "-1" for all traffic
  int from_port = -1, to_port = -1;  // -1: not given, or all
  std::string source;    // a CIDR range, "sg-...", "pl-..."
  bool is_range = false;  // `source` is a CIDR range

  bool all_traffic() const { return protocol == "-1" || (from_port <= 0 && to_port == 65535); }
  bool covers_port(int port) const { return all_traffic() || (from_port <= port && port <= to_port); }
  /// "all traffic", "tcp 22 (SSH)", "tcp 8000-9000", "icmp".
  std::string describe_traffic() const;
  bool operator==(const SecurityGroupRule&) const = default;
};

/// A call that changes a security group, taken apart.
struct SecurityGroupCall {
  std::string group;                      // id, else name
  std::vector<SecurityGroupRule> rules;   // added, changed or removed
  std::vector<std::string> rule_ids;      // rules that are only named by id
  std::vector<SecurityGroupRule> result;  // from the response: the rules with their ids
};

/// Reads requestParameters and responseElements of EC2's security-group actions, in every form they have: the flat one of old clients
/// (`cidrIp` beside `ipProtocol`), `ipPermissions` with `items` or as a plain list, `ModifySecurityGroupRulesRequest`, `securityGroupRuleIds`,
/// `securityGroupRuleSet`. What is not there is left empty. Source: AWS EC2 API reference; records in the wild.
SecurityGroupCall read_security_group_call(const event::CloudTrailEvent& event);

}  // namespace trailwarden::detectors
