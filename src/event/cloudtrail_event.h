#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/time.h"
#include "event/place.h"

namespace trailwarden::event {

/// `eventCategory`, or what its absence means in records older than version 1.07 (see `Decoder`).
enum class EventCategory : std::uint8_t { kManagement, kData, kNetworkActivity, kInsight, kAggregated, kOther };
std::string_view to_string(EventCategory category);

/// `userIdentity.type`. `kAbsent`: some AwsServiceEvent records carry none.
enum class IdentityType : std::uint8_t {
  kAbsent, kRoot, kIamUser, kAssumedRole, kRole, kFederatedUser, kDirectory, kAwsAccount, kAwsService,
  kIdentityCenterUser, kSamlUser, kWebIdentityUser, kUnknown,
};
IdentityType parse_identity_type(std::string_view text);

/// `userIdentity`. Every member may be absent (empty); see AWS, "CloudTrail userIdentity element".
struct UserIdentity {
  IdentityType type = IdentityType::kAbsent;
  std::string_view type_text;  // as written
  std::string_view principal_id;
  std::string_view arn;
  std::string_view account_id;
  std::string_view access_key_id;
  std::string_view user_name;
  std::string_view invoked_by;
  std::string_view identity_provider;
  std::string_view credential_id;

  // sessionContext
  std::string_view mfa_authenticated;  // "true", "false" or absent: CloudTrail writes strings
  std::string_view creation_date;      // `2023-07-19T21:11:57Z` or `20131102T010628Z`
  std::string_view source_identity;
  std::string_view ec2_role_delivery;
  std::string_view assumed_root;

  // sessionContext.sessionIssuer
  std::string_view issuer_type;
  std::string_view issuer_principal_id;
  std::string_view issuer_arn;
  std::string_view issuer_account_id;
  std::string_view issuer_user_name;

  std::string_view on_behalf_of;         // raw JSON object
  std::string_view in_scope_of;          // raw JSON object
  std::string_view invoked_by_delegate;  // raw JSON object
  std::string_view web_id_federation_data;  // raw JSON object

  bool operator==(const UserIdentity&) const = default;
};

/// One CloudTrail record, decoded.
///
/// Strings are unescaped text; members marked "raw JSON" are the record's own bytes of that value, checked to be strict
/// JSON, and empty when absent or `null`. Everything is a view: into the record's buffer or, where unescaping was
/// needed, into the arena handed to the decoder. None of it may outlive the batch that holds both. A string whose member is absent has a null `data()`;
/// one that is `null` or "" is empty at a place.
///
/// Size: about 1 kB, no ownership. Source: AWS CloudTrail user guide, "CloudTrail record contents", versions 1.0 to 1.11.
struct CloudTrailEvent {
  std::string_view raw;  // the whole record as received

  Timestamp event_time{};
  std::string_view event_version;
  std::string_view event_id;  // absent only in eventVersion 1.0, which had none
  std::string_view event_source;
  std::string_view event_name;
  std::string_view event_type;
  std::string_view event_category;  // as written; `category` is what counts
  std::string_view aws_region;
  std::string_view source_ip_address;
  std::string_view user_agent;
  std::string_view error_code;
  std::string_view error_message;
  std::string_view request_id;
  std::string_view api_version;
  std::string_view recipient_account_id;
  std::string_view shared_event_id;
  std::string_view vpc_endpoint_id;
  std::string_view vpc_endpoint_account_id;
  std::string_view session_credential_from_console;  // "true" or absent: a string
  std::string_view annotation;

  UserIdentity user_identity;

  std::optional<bool> read_only;         // as written; `is_read_only()` knows old records too
  std::optional<bool> management_event;  // as written
  EventCategory category = EventCategory::kManagement;

  // raw JSON
  std::string_view request_parameters;
  std::string_view response_elements;
  std::string_view additional_event_data;
  std::string_view service_event_details;
  std::string_view resources;
  std::string_view addendum;
  std::string_view tls_details;
  std::string_view edge_device_details;
  std::string_view event_context;
  std::string_view insight_details;

  std::uint32_t duplicate_keys = 0;  // members of the record or of userIdentity written more than once; the last one counts
  std::uint32_t dotted_keys = 0;     // members there with a dot in their name, which rules may take for nesting

  // Set by the pipeline, not by the decoder.
  Place place;
  bool late = false;  // its minute was already closed when it arrived

  /// A failed call: `errorCode` or `errorMessage` is there (a failed console sign-in may carry only the message).
  bool failed() const { return !error_code.empty() || !error_message.empty(); }

  /// Refused for want of permission: `AccessDenied*`, `*UnauthorizedOperation`, or `UnauthorizedAccess*` (CIS 4.1's two tests and the
  /// spellings of services that differ).
  bool refused() const;

  /// `readOnly`, and for records without it (most of eventVersion 1.05 and older) whether the action's name begins with a
  /// verb that only reads.
  bool is_read_only() const;

  /// `recipientAccountId`, else `userIdentity.accountId`, else `unknown`: the account half of the cell.
  std::string_view account() const;
  /// `awsRegion`, else `unknown`: the Region half of the cell.
  std::string_view region() const { return aws_region.empty() ? std::string_view("unknown") : aws_region; }
};

/// The identity that keeps its name from one session to the next: the ARN; for an assumed role the role's ARN (the session
/// issuer's, else the session ARN without its last part); else `invokedBy`, `principalId` up to the colon, `userName`,
/// `accountId`; else `unknown`. A view into the event.
std::string_view principal_of(const CloudTrailEvent& event);

}  // namespace trailwarden::event
