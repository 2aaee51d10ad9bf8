#include "rules/event_member.h"

#include <array>
#include <functional>
#include <utility>

namespace trailwarden::rules {

EventMember EventMember::of(std::string_view path) {
  using event::CloudTrailEvent, event::UserIdentity;
  static constexpr auto kEvent = std::to_array<std::pair<std::string_view, std::string_view CloudTrailEvent::*>>({
      {"eventVersion", &CloudTrailEvent::event_version},
      {"eventID", &CloudTrailEvent::event_id},
      {"eventSource", &CloudTrailEvent::event_source},
      {"eventName", &CloudTrailEvent::event_name},
      {"eventType", &CloudTrailEvent::event_type},
      {"eventCategory", &CloudTrailEvent::event_category},
      {"awsRegion", &CloudTrailEvent::aws_region},
      {"sourceIPAddress", &CloudTrailEvent::source_ip_address},
      {"userAgent", &CloudTrailEvent::user_agent},
      {"errorCode", &CloudTrailEvent::error_code},
      {"errorMessage", &CloudTrailEvent::error_message},
      {"requestID", &CloudTrailEvent::request_id},
      {"apiVersion", &CloudTrailEvent::api_version},
      {"recipientAccountId", &CloudTrailEvent::recipient_account_id},
      {"sharedEventID", &CloudTrailEvent::shared_event_id},
      {"vpcEndpointId", &CloudTrailEvent::vpc_endpoint_id},
      {"vpcEndpointAccountId", &CloudTrailEvent::vpc_endpoint_account_id},
      {"sessionCredentialFromConsole", &CloudTrailEvent::session_credential_from_console},
  });
  static constexpr auto kIdentity = std::to_array<std::pair<std::string_view, std::string_view UserIdentity::*>>({
      {"type", &UserIdentity::type_text},
      {"principalId", &UserIdentity::principal_id},
      {"arn", &UserIdentity::arn},
      {"accountId", &UserIdentity::account_id},
      {"accessKeyId", &UserIdentity::access_key_id},
      {"userName", &UserIdentity::user_name},
      {"invokedBy", &UserIdentity::invoked_by},
      {"identityProvider", &UserIdentity::identity_provider},
      {"credentialId", &UserIdentity::credential_id},
      {"sessionContext.attributes.mfaAuthenticated", &UserIdentity::mfa_authenticated},
      {"sessionContext.attributes.creationDate", &UserIdentity::creation_date},
      {"sessionContext.sourceIdentity", &UserIdentity::source_identity},
      {"sessionContext.ec2RoleDelivery", &UserIdentity::ec2_role_delivery},
      {"sessionContext.assumedRoot", &UserIdentity::assumed_root},
      {"sessionContext.sessionIssuer.type", &UserIdentity::issuer_type},
      {"sessionContext.sessionIssuer.principalId", &UserIdentity::issuer_principal_id},
      {"sessionContext.sessionIssuer.arn", &UserIdentity::issuer_arn},
      {"sessionContext.sessionIssuer.accountId", &UserIdentity::issuer_account_id},
      {"sessionContext.sessionIssuer.userName", &UserIdentity::issuer_user_name},
  });
  EventMember member;
  for (const auto& [name, of_event] : kEvent)
    if (path == name) member.of_event_ = of_event;
  constexpr std::string_view kUserIdentity = "userIdentity.";
  if (!path.starts_with(kUserIdentity)) return member;
  for (const auto& [name, of_identity] : kIdentity)
    if (path.substr(kUserIdentity.size()) == name) member.of_identity_ = of_identity;
  return member;
}

std::optional<SlotValue> EventMember::value(std::string_view text, const event::CloudTrailEvent& event) {
  using Kind = JsonValue::Kind;
  if (text.empty()) return std::nullopt;
  // A string that is in the record itself, not unescaped into an arena, has its quote before it.
  const std::less<const char*> before;
  const bool is_in_record = !before(text.data(), event.raw.data()) && before(text.data(), event.raw.data() + event.raw.size());
  const bool is_string = !is_in_record || text.data()[-1] == '"';
  const Kind kind = is_string ? Kind::kString : text[0] == 't' ? Kind::kTrue : text[0] == 'f' ? Kind::kFalse : Kind::kNumber;
  return SlotValue{.kind = kind, .text = text};
}

}  // namespace trailwarden::rules
