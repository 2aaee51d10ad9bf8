#include "event/finding.h"

#include <array>

namespace trailwarden::event {
namespace {

/// The part of an ARN or principal id behind the last `separator`; empty if there is none.
std::string_view behind_last(std::string_view text, char separator) {
  const std::size_t at = text.rfind(separator);
  return at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
}

std::string_view session_name_of(const UserIdentity& identity) {
  if (identity.type != IdentityType::kAssumedRole) return {};
  const std::string_view from_arn = behind_last(identity.arn, '/');
  return from_arn.empty() ? behind_last(identity.principal_id, ':') : from_arn;
}

std::string_view role_name_of(const UserIdentity& identity) {
  if (!identity.issuer_user_name.empty()) return identity.issuer_user_name;
  if (!identity.issuer_arn.empty()) return behind_last(identity.issuer_arn, '/');
  const std::string_view without_session = identity.arn.substr(0, identity.arn.rfind('/'));
  return behind_last(without_session, '/');
}

}  // namespace

std::string_view to_string(Severity severity) {
  static constexpr std::array<std::string_view, kSeverities> kNames{"informational", "low", "medium", "high", "critical"};
  return kNames[static_cast<std::size_t>(severity)];
}

PrincipalSummary summarize_principal(const CloudTrailEvent& event) {
  const UserIdentity& identity = event.user_identity;
  PrincipalSummary summary;
  summary.type = identity.type_text;
  summary.arn = identity.arn;
  summary.account_id = identity.account_id;
  summary.user_name = identity.user_name.empty() ? identity.issuer_user_name : identity.user_name;
  summary.session_name = session_name_of(identity);
  const std::string_view key = identity.access_key_id;
  summary.access_key_suffix = key.size() > 4 ? key.substr(key.size() - 4) : std::string_view{};
  summary.source_ip_address = event.source_ip_address;
  summary.user_agent = event.user_agent;
  return summary;
}

std::string describe_principal(const CloudTrailEvent& event) {
  const UserIdentity& identity = event.user_identity;
  switch (identity.type) {
    case IdentityType::kRoot: return "root";
    case IdentityType::kIamUser:
      if (!identity.user_name.empty()) return "user " + std::string(identity.user_name);
      break;
    case IdentityType::kAssumedRole: {
      const std::string_view role = role_name_of(identity);
      const std::string_view session = session_name_of(identity);
      if (role.empty()) break;
      return "role " + std::string(role) + (session.empty() ? "" : " (session " + std::string(session) + ")");
    }
    case IdentityType::kAwsAccount:
      if (!identity.account_id.empty()) return "account " + std::string(identity.account_id);
      break;
    default: break;
  }
  return std::string(principal_of(event));
}

Evidence make_evidence(const CloudTrailEvent& event, std::size_t max_record_bytes) {
  Evidence evidence;
  evidence.event_id = event.event_id;
  evidence.event_source = event.event_source;
  evidence.event_name = event.event_name;
  evidence.event_time = event.event_time;
  evidence.origin = event.place.origin;
  evidence.record_number = event.place.record_number;
  evidence.byte_offset = event.place.byte_offset;
  evidence.partition = event.place.partition;
  evidence.offset = event.place.offset;
  evidence.record_bytes = event.raw.size();
  if (event.raw.size() <= max_record_bytes) evidence.record = event.raw;
  return evidence;
}

void save(ByteWriter& out, const Evidence& evidence) {
  for (const std::string* text : {&evidence.event_id, &evidence.event_source, &evidence.event_name, &evidence.origin, &evidence.record}) out.text(*text);
  out.time(evidence.event_time);
  out.number(evidence.record_number);
  out.number(evidence.byte_offset);
  out.number(static_cast<std::uint32_t>(evidence.partition));
  out.signed_number(evidence.offset);
  out.number(static_cast<std::uint64_t>(evidence.record_bytes));
}

Evidence load_evidence(ByteReader& in) {
  Evidence evidence;
  for (std::string* text : {&evidence.event_id, &evidence.event_source, &evidence.event_name, &evidence.origin, &evidence.record}) *text = in.text();
  evidence.event_time = in.time();
  evidence.record_number = in.number<std::uint64_t>();
  evidence.byte_offset = in.number<std::uint64_t>();
  evidence.partition = static_cast<std::int32_t>(in.number<std::uint32_t>());
  evidence.offset = in.signed_number();
  evidence.record_bytes = in.number<std::uint64_t>();
  return evidence;
}

Finding finding_about(const CloudTrailEvent& event, std::string_view detector, std::string_view what) {
  Finding finding;
  finding.detector = detector;
  finding.what = what;
  finding.principal = summarize_principal(event);
  finding.decision_time = event.event_time;
  finding.deciding_event_id = event.event_id;
  finding.evidence.push_back(make_evidence(event));
  finding.late = event.late;
  return finding;
}

std::string_view to_string(InsightType type) {
  return type == InsightType::kApiCallRate ? "ApiCallRateInsight" : "ApiErrorRateInsight";
}

std::string_view to_string(DecidedBy decided_by) {
  static constexpr std::array<std::string_view, 9> kNames{"", "1 minute", "5 minutes", "15 minutes", "60 minutes", "240 minutes", "drift", "gap", "28 hours"};
  return kNames[static_cast<std::size_t>(decided_by)];
}

}  // namespace trailwarden::event
