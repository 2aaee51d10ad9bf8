#include "rules/test_record.h"

#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/time.h"

namespace trailwarden::rules {
namespace {

using nlohmann::ordered_json;

constexpr Timestamp kBegin{std::chrono::seconds{1'767'603'600}};  // a Monday morning: 2026-01-05T09:00:00Z
constexpr std::string_view kAccount = "111111111111";

void default_to(ordered_json& object, const char* name, ordered_json value) {
  if (!object.contains(name)) object[name] = std::move(value);
}

/// An IAM user where nothing is said; of another type, only what is said.
void complete_identity(ordered_json& identity) {
  default_to(identity, "type", "IAMUser");
  const std::string type = identity["type"].is_string() ? identity["type"].get<std::string>() : "";
  if (type == "AWSService" || type == "AWSAccount") return;
  default_to(identity, "accountId", kAccount);
  if (type == "IAMUser") {
    default_to(identity, "userName", "alice");
    const std::string name = identity["userName"].is_string() ? identity["userName"].get<std::string>() : "alice";
    default_to(identity, "arn", fmt::format("arn:aws:iam::{}:user/{}", kAccount, name));
    default_to(identity, "accessKeyId", "AKIAIOSFODNN7EXAMPLE");
  } else if (type == "Root") {
    default_to(identity, "arn", fmt::format("arn:aws:iam::{}:root", kAccount));
  } else if (type == "AssumedRole") {
    default_to(identity, "arn", fmt::format("arn:aws:sts::{}:assumed-role/Admin/session", kAccount));
  }
  default_to(identity, "principalId", "AIDACKCEVSQ6C2EXAMPLE");
}

}  // namespace

Result<std::string> complete_record(std::string_view members, std::size_t number, std::int64_t seconds) {
  ordered_json record = ordered_json::parse(members, nullptr, false);
  if (!record.is_object()) return fail(ErrorCode::kMalformed, "a record is a map of its members");
  default_to(record, "eventVersion", "1.11");
  default_to(record, "eventTime", format_time(kBegin + std::chrono::seconds{seconds}));
  default_to(record, "eventID", fmt::format("00000000-0000-4000-8000-{:012}", number));
  default_to(record, "eventType", "AwsApiCall");
  default_to(record, "eventSource", "ec2.amazonaws.com");
  default_to(record, "eventName", "DescribeInstances");
  default_to(record, "awsRegion", "us-east-1");
  default_to(record, "recipientAccountId", kAccount);
  default_to(record, "sourceIPAddress", "198.51.100.7");
  default_to(record, "userAgent", "aws-cli/2.15.30");
  if (!record.contains("userIdentity")) record["userIdentity"] = ordered_json::object();
  if (record["userIdentity"].is_object()) complete_identity(record["userIdentity"]);
  return record.dump();
}

}  // namespace trailwarden::rules
