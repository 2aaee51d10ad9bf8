#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/caller.h"
#include "api/refusal.h"
#include "core/result.h"
#include "core/time.h"
#include "trail/public_key.h"
#include "trail/trail_config.h"

namespace trailwarden::api {

/// What is known of how a trail is doing. What is absent is not told.
struct TrailStatus {
  std::optional<bool> is_logging;
  std::optional<Timestamp> latest_delivery, latest_digest_delivery;
  std::string latest_delivery_error, latest_digest_delivery_error;  // the store's code, as AccessDenied; empty: none
};

/// CloudTrail's API over the trails of the configuration, as far as it reads: DescribeTrails, GetTrail, ListTrails, GetTrailStatus, GetEventSelectors, GetInsightSelectors,
/// ListPublicKeys. The others of that API are refused (UnsupportedOperationException): trails are changed in the configuration.
///
/// An account sees its own trails; those without an account, as trails of its own; and those of organizations, as every account is taken for a member. A trail of several Regions is
/// at home in one of them and a shadow in the others: there it is listed, but found by its ARN alone.
/// Thread-safe as far as the functions given to it are.
/// Source: AWS CloudTrail API reference; shared/spec/api.md.
class TrailApi {
 public:
  struct Options {
    std::vector<trail::TrailConfig> trails;
    std::function<std::vector<std::string>()> insight_types;  // that are looked for: ApiCallRateInsight, ApiErrorRateInsight
    std::function<TrailStatus(const trail::TrailConfig&)> status;
    std::function<Result<std::vector<trail::PublicKey>>()> public_keys;  // of all trails
    std::function<Timestamp()> now;  // ListPublicKeys without times asks for the keys of now
    std::size_t page = 50;           // trails that ListTrails gives at once
  };
  explicit TrailApi(Options options) : options_(std::move(options)) {}

  /// The answer's JSON. `operation` as `DescribeTrails`; `body` is JSON, or empty for no members.
  tl::expected<std::string, Refusal> answer(const Caller& caller, std::string_view operation, std::string_view body) const;

  /// Whether CloudTrail has an operation of this name.
  static bool is_operation(std::string_view name);

 private:
  Options options_;
};

}  // namespace trailwarden::api
