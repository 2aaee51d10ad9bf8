#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generate/api.h"
#include "generate/text_template.h"

namespace trailwarden::generate {

/// Somebody or something that calls: a role, a person, an AWS service, the root user.
struct Principal {
  /// One of those that act as the principal: an instance of its role, a function, a person of an SSO role, the person.
  struct Session {
    std::string name;
    std::string address;  // sourceIPAddress
  };

  Callers kind = Callers::kApps;
  std::string name;           // role or user name; of services "autoscaling"
  std::string arn;            // what `event::principal_of` says of its records
  Template identity{""};      // userIdentity; holes: s session, K 16 characters of the access key, C session's beginning
  std::string session_arn;    // up to the session's name if `has_sessions`
  bool has_sessions = false;
  bool is_service = false;    // calls through invokedBy, so without TLS details
  bool is_person = false;
  std::string user_agent;
  std::vector<Session> sessions;        // at least one for each Region, interleaved
  std::chrono::seconds session_length{};  // after which its temporary credentials change
};

/// What distinguishes a principal from others of its kind.
struct PrincipalSeed {
  std::string_view account;
  std::uint64_t word;  // decides ids and addresses
  std::size_t number;  // of its kind in the account
};

Principal instance_role(const PrincipalSeed& seed);    // of EC2 instances
Principal app_role(const PrincipalSeed& seed);         // of Lambda functions
Principal automation_role(const PrincipalSeed& seed);  // number 0 is the deployment role
Principal monitor_role(const PrincipalSeed& seed);
Principal person(const PrincipalSeed& seed);  // an IAM user, or for odd numbers an SSO role
Principal service(const PrincipalSeed& seed, std::string_view name);  // a service-linked role, or the service itself
Principal root(const PrincipalSeed& seed);

}  // namespace trailwarden::generate
