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
  std::string peer;       // a CIDR range, "sg-...", "pl-..."
  bool is_range = false;  // `peer` is a CIDR range
  std::optional<bool> egress;  // which way, where known

  bool is_tcp_or_udp() const;
  /// Every protocol, or every port of one.
  bool all_traffic() const { return protocol == "-1" || (is_tcp_or_udp() && 0 <= from_port && from_port <= 1 && to_port == 65535); }
  bool covers_port(int port) const { return protocol == "-1" || (is_tcp_or_udp() && from_port <= port && port <= to_port); }
  /// Whether it lets through the same, from or to the same.
  bool is_same_opening(const SecurityGroupRule& other) const;
  /// "all traffic", "tcp 22 (SSH)", "tcp 8000-9000", "icmp".
  std::string describe_traffic() const;
  bool operator==(const SecurityGroupRule&) const = default;
};

/// A call that changes a security group, taken apart.
struct SecurityGroupCall {
  std::string group;                      // id, else name
  std::string group_name;                 // of a new group
  std::vector<SecurityGroupRule> rules;   // added, changed or removed, as the request has them
  std::vector<std::string> rule_ids;      // rules that the request names by id only
  std::vector<SecurityGroupRule> result;  // the rules with their ids, as the response has them
};

/// Reads requestParameters and responseElements of EC2's security-group actions, in every form they have: the flat one of old
/// clients (`cidrIp` beside `ipProtocol`), `ipPermissions` with `items` or as a plain list, `ModifySecurityGroupRulesRequest`,
/// `securityGroupRuleIds`, `securityGroupRuleSet`. What is not there is left empty. Source: AWS EC2 API reference; real records.
SecurityGroupCall read_security_group_call(const event::CloudTrailEvent& event);

}  // namespace trailwarden::detectors
