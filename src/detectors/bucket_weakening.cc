#include "detectors/bucket_weakening.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "core/text.h"
#include "detectors/json_lookup.h"
#include "detectors/phrases.h"

namespace trailwarden::detectors {
namespace {

/// The strings of a value that is one string or a list of them.
std::vector<std::string> strings_of(const json& value) {
  std::vector<std::string> out;
  if (value.is_string()) out.push_back(value.get<std::string>());
  if (value.is_array())
    for (const json& item : value)
      if (item.is_string()) out.push_back(item.get<std::string>());
  return out;
}

/// The principals of a statement by kind: services, and all others ("*", accounts, users, roles).
struct Principals {
  std::vector<std::string> services, others;

  static Principals of(const json& statement) {
    Principals out;
    if (statement.contains("NotPrincipal")) out.others.emplace_back("everybody but some");
    const json& principal = member(statement, {"Principal"});
    if (principal.is_string()) out.others.push_back(principal.get<std::string>());
    if (!principal.is_object()) return out;
    for (const auto& [kind, who] : principal.items())
      for (std::string& name : strings_of(who)) (kind == "Service" ? out.services : out.others).push_back(std::move(name));
    return out;
  }

  bool include_cloudtrail() const {
    return std::find(services.begin(), services.end(), "cloudtrail.amazonaws.com") != services.end() || std::find(others.begin(), others.end(), "*") != others.end();
  }
};

bool covers_put_object(const json& statement) {
  const std::vector<std::string> actions = strings_of(member(statement, {"Action"}));
  return std::any_of(actions.begin(), actions.end(), [](const std::string& action) {
    std::string lower(action);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return 'A' <= c && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
    return glob_match(lower, "s3:putobject");
  });
}

json policy_of(const json& request) {
  for (const char* name : {"bucketPolicy", "policy"}) {
    const json& policy = member(request, {name});
    if (policy.is_object()) return policy;
    if (policy.is_string() && !policy.get_ref<const std::string&>().empty()) return parse_json(policy.get_ref<const std::string&>());
  }
  return {};
}

std::int64_t days_until(const std::string& date, Timestamp now) {
  const auto time = parse_user_time(std::string_view(date).substr(0, 10));
  if (!time) return INT64_MAX;
  return std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::days>(*time - now).count());
}

/// The expiry of one rule; nullopt if it has none or is off.
std::optional<Expiry> expiry_of(const json& rule, Timestamp now) {
  const json& expiration = member(rule, {"Expiration", "expiration"});
  if (!expiration.is_object() || text_of(rule, {"Status", "status"}) == "Disabled") return std::nullopt;
  Expiry expiry;
  const json& days = member(expiration, {"Days", "days"});
  if (days.is_number_integer()) expiry.days = std::max<std::int64_t>(0, days.get<std::int64_t>());
  else if (const std::string date = text_of(expiration, {"Date", "date"}); !date.empty()) expiry.days = days_until(date, now);
  else return std::nullopt;
  const json& filter = member(rule, {"Filter", "filter"});
  expiry.prefix = text_of(filter.is_object() ? filter : rule, {"Prefix", "prefix"});
  return expiry;
}

}  // namespace

PolicyReading read_bucket_policy(std::string_view request_parameters) {
  PolicyReading reading;
  const json policy = policy_of(parse_json(request_parameters));
  if (!policy.is_object()) return reading;
  reading.is_known = true;
  bool is_denied = false;
  std::vector<std::string> others;
  for (const json* statement : items_of(member(policy, {"Statement"}))) {
    const Principals principals = Principals::of(*statement);
    if (text_of(*statement, {"Effect"}) == "Allow") {
      reading.cloudtrail_may_write = reading.cloudtrail_may_write || (principals.include_cloudtrail() && covers_put_object(*statement));
      for (const std::string& other : principals.others) others.push_back(printable(other));
    } else if (!statement->contains("Condition")) {
      is_denied = is_denied || (principals.include_cloudtrail() && covers_put_object(*statement));
    }
  }
  reading.cloudtrail_may_write = reading.cloudtrail_may_write && !is_denied;
  reading.lets_others_in = !others.empty();
  std::vector<std::string> words;
  if (!reading.cloudtrail_may_write) words.emplace_back("CloudTrail may no longer write to it");
  if (reading.lets_others_in) words.push_back("it lets in " + enumerate(others));
  reading.words = words.empty() ? "CloudTrail may write to it and only AWS services are let in" : enumerate(words);
  return reading;
}

std::optional<Expiry> shortest_expiry(std::string_view request_parameters, Timestamp now) {
  const json request = parse_json(request_parameters);
  const json& configuration = member(request, {"LifecycleConfiguration", "lifecycleConfiguration", "BucketLifecycleConfiguration"});
  std::optional<Expiry> shortest;
  for (const json* rule : items_of(member(configuration, {"Rule", "Rules", "rule", "rules"}))) {
    auto expiry = expiry_of(*rule, now);
    if (expiry && (!shortest || expiry->days < shortest->days)) shortest = std::move(expiry);
  }
  return shortest;
}

}  // namespace trailwarden::detectors
