#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"

namespace trailwarden::detectors {

/// What a policy put on a trail's bucket means for the trail. Conditions are not weighed, except that a Deny with one (such as the
/// common one on calls without TLS) is not taken against CloudTrail.
struct PolicyReading {
  bool is_known = false;              // the record holds the policy
  bool cloudtrail_may_write = false;  // a statement allows it to put objects, and none denies it
  bool lets_others_in = false;        // a statement allows something to anybody who is not an AWS service
  std::string words;                  // "CloudTrail may no longer write to it", "it lets in *"
};

/// Reads the policy in PutBucketPolicy's requestParameters, an object or a string under `bucketPolicy` or `policy`.
PolicyReading read_bucket_policy(std::string_view request_parameters);

/// How soon a lifecycle rule lets objects expire.
struct Expiry {
  std::int64_t days = 0;
  std::string prefix;  // of the objects; empty: all
};

/// The soonest expiry of current versions among the enabled rules of a lifecycle configuration, in whatever form it is
/// written; nullopt without one. A rule with a date counts from `now`.
std::optional<Expiry> shortest_expiry(std::string_view request_parameters, Timestamp now);

}  // namespace trailwarden::detectors
