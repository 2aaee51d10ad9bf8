#include "api/trail_view.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "trail/aws_names.h"
#include "trail/selectors_json.h"

namespace trailwarden::api {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kGlobalRegion = "us-east-1";  // which records global services, as IAM

std::string_view partition_of(std::string_view region) {
  if (region.starts_with("cn-")) return "aws-cn";
  return region.starts_with("us-gov-") ? "aws-us-gov" : "aws";
}

/// As digests name it (`ObjectStore::bucket`).
std::string bucket_of(const trail::TrailConfig& trail) {
  if (trail.s3) return trail.s3->bucket;
  const std::filesystem::path folder = std::filesystem::path(trail.directory).lexically_normal();
  return (folder.has_filename() ? folder : folder.parent_path()).filename().string();
}

}  // namespace

bool is_visible(const trail::TrailConfig& trail, const Caller& caller) { return trail.keeps_every_account() || trail.account == caller.account; }

bool is_trail_arn(std::string_view text) {
  std::array<std::string_view, 5> parts;  // up to the account
  for (std::string_view& part : parts) {
    const std::size_t end = text.find(':');
    if (end == std::string_view::npos) return false;
    part = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  constexpr std::string_view kKind = "trail/";
  return parts[0] == "arn" && !parts[1].empty() && parts[2] == "cloudtrail" && !parts[3].empty() && trail::is_account_id(parts[4]) && text.starts_with(kKind) && text.size() > kKind.size();
}

std::string TrailView::arn() const {
  return fmt::format("arn:{}:cloudtrail:{}:{}:trail/{}", partition_of(trail_->home_region), trail_->home_region, owner(), trail_->name);
}

bool TrailView::is_home() const { return owner() == caller_->account && trail_->home_region == caller_->region; }

bool TrailView::is_shadow() const { return !is_home() && records(caller_->region); }

bool TrailView::records(std::string_view region) const {
  if (region == trail_->home_region) return true;
  return trail_->is_multi_region && (trail_->regions.empty() || std::ranges::find(trail_->regions, region) != trail_->regions.end());
}

ordered_json TrailView::description(bool are_insights_made) const {
  ordered_json out{{"Name", trail_->name}, {"S3BucketName", bucket_of(*trail_)}};
  if (!trail_->prefix.empty()) out["S3KeyPrefix"] = trail_->prefix;
  out["IncludeGlobalServiceEvents"] = records(kGlobalRegion);
  out["IsMultiRegionTrail"] = trail_->is_multi_region;
  out["HomeRegion"] = trail_->home_region;
  out["TrailARN"] = arn();
  out["LogFileValidationEnabled"] = trail_->digest.enabled;
  if (trail_->s3 && !trail_->s3->kms_key_id.empty()) out["KmsKeyId"] = trail_->s3->kms_key_id;
  out["HasCustomEventSelectors"] = trail_->selectors != trail::default_event_selectors();
  out["HasInsightSelectors"] = trail_->insights && are_insights_made;
  out["IsOrganizationTrail"] = !trail_->organization.empty();
  return out;
}

ordered_json TrailView::event_selectors() const {
  ordered_json out{{"TrailARN", arn()}};
  out.update(ordered_json::parse(trail::to_json(trail_->selectors)));
  return out;
}

}  // namespace trailwarden::api
