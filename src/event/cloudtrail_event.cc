#include "event/cloudtrail_event.h"

#include <algorithm>
#include <array>

namespace trailwarden::event {
namespace {

constexpr std::array<std::pair<std::string_view, IdentityType>, 12> kIdentityTypes{{
    {"Root", IdentityType::kRoot},
    {"IAMUser", IdentityType::kIamUser},
    {"AssumedRole", IdentityType::kAssumedRole},
    {"Role", IdentityType::kRole},
    {"FederatedUser", IdentityType::kFederatedUser},
    {"Directory", IdentityType::kDirectory},
    {"AWSAccount", IdentityType::kAwsAccount},
    {"AWSService", IdentityType::kAwsService},
    {"IdentityCenterUser", IdentityType::kIdentityCenterUser},
    {"SAMLUser", IdentityType::kSamlUser},
    {"WebIdentityUser", IdentityType::kWebIdentityUser},
    {"Unknown", IdentityType::kUnknown},
}};

/// Verbs that begin actions which only read; of the data at hand every action logged with `readOnly: true` begins with one
/// of them, and none logged with `readOnly: false` does.
constexpr std::array<std::string_view, 14> kReadingVerbs{"BatchGet", "Check", "Decrypt", "Describe", "Discover", "Encrypt", "Estimate",
                                                         "GenerateDataKey", "Get", "Head", "List", "Lookup", "Search", "View"};

}  // namespace

std::string_view to_string(EventCategory category) {
  static constexpr std::array<std::string_view, 6> kNames{"management", "data", "network_activity", "insight", "aggregated", "other"};
  return kNames[static_cast<std::size_t>(category)];
}

IdentityType parse_identity_type(std::string_view text) {
  if (text.empty()) return IdentityType::kAbsent;
  const auto* const known = std::find_if(kIdentityTypes.begin(), kIdentityTypes.end(), [text](const auto& row) { return row.first == text; });
  return known == kIdentityTypes.end() ? IdentityType::kUnknown : known->second;
}

bool CloudTrailEvent::refused() const {
  return error_code.starts_with("AccessDenied") || error_code.ends_with("UnauthorizedOperation") || error_code.starts_with("UnauthorizedAccess") ||
         error_code.ends_with("NotAuthorized") || error_code.ends_with("NotAuthorizedException");
}

bool CloudTrailEvent::is_read_only() const {
  if (read_only) return *read_only;
  return std::any_of(kReadingVerbs.begin(), kReadingVerbs.end(), [this](std::string_view verb) { return event_name.starts_with(verb); });
}

std::string_view CloudTrailEvent::account() const {
  if (!recipient_account_id.empty()) return recipient_account_id;
  if (!user_identity.account_id.empty()) return user_identity.account_id;
  return "unknown";
}

std::string_view principal_of(const CloudTrailEvent& event) {
  const UserIdentity& identity = event.user_identity;
  if (identity.type == IdentityType::kAssumedRole) {
    if (!identity.issuer_arn.empty()) return identity.issuer_arn;
    if (!identity.arn.empty()) return identity.arn.substr(0, identity.arn.rfind('/'));
  }
  if (!identity.arn.empty()) return identity.arn;
  if (!identity.invoked_by.empty()) return identity.invoked_by;
  if (!identity.principal_id.empty()) return identity.principal_id.substr(0, identity.principal_id.find(':'));
  if (!identity.user_name.empty()) return identity.user_name;
  if (!identity.account_id.empty()) return identity.account_id;
  return "unknown";
}

}  // namespace trailwarden::event
