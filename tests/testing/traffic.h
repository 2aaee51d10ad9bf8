#pragma once

#include <random>
#include <string>
#include <vector>

#include "core/time.h"

namespace trailwarden::testing {

inline constexpr Timestamp kStart{std::chrono::seconds{1'700'000'000}};

struct Call {
  std::string name = "ListBuckets";
  std::string source = "s3.amazonaws.com";
  Timestamp time = kStart;
  std::string id;
  std::string account = "111122223333", region = "eu-west-1";
  std::string identity = R"({"type":"IAMUser","userName":"alice","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333"})";
  std::string more;
};

inline std::string to_json(const Call& call) {
  return R"({"eventVersion":"1.08","userIdentity":)" + call.identity + R"(,"eventTime":")" + format_time(call.time) + R"(","eventSource":")" + call.source +
         R"(","eventName":")" + call.name + R"(","awsRegion":")" + call.region + R"(","sourceIPAddress":"203.0.113.7","eventID":")" + call.id +
         R"(","eventType":"AwsApiCall","recipientAccountId":")" + call.account + "\"" + call.more + "}";
}

inline const std::string kRoot = R"({"type":"Root","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333"})";

/// Traffic with something for every detector: several accounts and Regions over two hours, roots, opened groups, IAM bursts, trails stopped.
inline std::vector<Call> traffic(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto pick = [&random](std::uint32_t n) { return random() % n; };
  std::vector<Call> calls;
  for (std::size_t i = 0; i < count; ++i) {
    Call call;
    call.time = kStart + std::chrono::seconds{7200 * i / count};
    call.id = "id-" + std::to_string(i);
    call.account = "11112222333" + std::to_string(pick(4));
    call.region = pick(2) == 0 ? "eu-west-1" : "us-east-1";
    switch (pick(12)) {
      case 0: call.identity = kRoot; break;
      case 1:
        call.source = "cloudtrail.amazonaws.com";
        call.name = "StopLogging";
        break;
      case 2:
      case 3:
        call.source = "iam.amazonaws.com";
        call.name = "CreateAccessKey";
        call.more = R"(,"requestParameters":{"userName":"u)" + std::to_string(pick(9)) + "\"}";
        break;
      case 4:
        call.source = "ec2.amazonaws.com";
        call.name = "AuthorizeSecurityGroupIngress";
        call.more = R"(,"requestParameters":{"groupId":"sg-)" + std::to_string(pick(3)) +
                    R"(","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":22,"toPort":22,"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}})";
        break;
      default: break;
    }
    calls.push_back(std::move(call));
  }
  return calls;
}

}  // namespace trailwarden::testing
