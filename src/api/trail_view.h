#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "api/caller.h"
#include "trail/trail_config.h"

namespace trailwarden::api {

/// Whether this caller may know of it.
bool is_visible(const trail::TrailConfig& trail, const Caller& caller);

/// `arn:PARTITION:cloudtrail:REGION:ACCOUNT:trail/NAME`, as validate-logs has it.
bool is_trail_arn(std::string_view text);

/// A trail as one caller sees it in one Region. Valid as long as both.
class TrailView {
 public:
  TrailView(const trail::TrailConfig& trail, const Caller& caller) : trail_(&trail), caller_(&caller) {}

  const trail::TrailConfig& config() const { return *trail_; }
  std::string arn() const;
  /// Its home is here, and it is the caller's own.
  bool is_home() const;
  /// It records this Region too, from elsewhere; or it is another account's, which records this one.
  bool is_shadow() const;

  /// `Trail` of the API. A folder stands for a bucket of its name, as in digests.
  nlohmann::ordered_json description(bool are_insights_made) const;
  /// The answer of GetEventSelectors.
  nlohmann::ordered_json event_selectors() const;

 private:
  const std::string& owner() const { return trail_->account.empty() ? caller_->account : trail_->account; }
  bool records(std::string_view region) const;

  const trail::TrailConfig* trail_;
  const Caller* caller_;
};

}  // namespace trailwarden::api
