#include "testing/slow_decode.h"

#include <sstream>

#include <nlohmann/json.hpp>

namespace trailwarden::testing {
namespace {

using event::CloudTrailEvent;
using event::Refusal;
using event::UserIdentity;
using nlohmann::json;

/// Deepest nesting of containers. nlohmann has no bound of its own.
class DepthProbe : public nlohmann::json_sax<json> {
 public:
  std::size_t deepest = 0;
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  bool open() {
    deepest = std::max(deepest, ++depth_);
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }
  std::size_t depth_ = 0;
};

class SlowReading {
 public:
  explicit SlowReading(SlowRecord& out) : out_(out) {}

  bool wrong = false;

  /// A string; null and absence are empty; with `scalar` a boolean or number too, as it is written by nlohmann.
  std::string_view text(const json& object, const char* name, bool scalar = false) {
    const auto found = object.find(name);
    if (found == object.end() || found->is_null()) return {};
    if (found->is_string()) return keep(found->get<std::string>());
    if (!scalar || found->is_structured()) wrong = true;
    return {};
  }

  void identity(const json& record) {
    const auto found = record.find("userIdentity");
    if (found == record.end() || found->is_null()) return;
    if (!found->is_object()) {
      wrong = true;
      return;
    }
    UserIdentity& identity = out_.event.user_identity;
    identity.type_text = text(*found, "type");
    identity.type = event::parse_identity_type(identity.type_text);
    identity.principal_id = text(*found, "principalId");
    identity.arn = text(*found, "arn");
    identity.account_id = text(*found, "accountId", true);
    identity.access_key_id = text(*found, "accessKeyId");
    identity.user_name = text(*found, "userName");
    identity.invoked_by = text(*found, "invokedBy");
    identity.identity_provider = text(*found, "identityProvider");
    identity.credential_id = text(*found, "credentialId");
    const json& session = nested(*found, "sessionContext");
    identity.source_identity = text(session, "sourceIdentity");
    identity.ec2_role_delivery = text(session, "ec2RoleDelivery", true);
    identity.assumed_root = text(session, "assumedRoot", true);
    const json& attributes = nested(session, "attributes");
    identity.mfa_authenticated = text(attributes, "mfaAuthenticated", true);
    identity.creation_date = text(attributes, "creationDate");
    const json& issuer = nested(session, "sessionIssuer");
    identity.issuer_type = text(issuer, "type");
    identity.issuer_principal_id = text(issuer, "principalId");
    identity.issuer_arn = text(issuer, "arn");
    identity.issuer_account_id = text(issuer, "accountId", true);
    identity.issuer_user_name = text(issuer, "userName");
  }

  std::optional<bool> flag(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || found->is_null()) return std::nullopt;
    if (found->is_boolean()) return found->get<bool>();
    wrong = true;
    return std::nullopt;
  }

 private:
  const json& nested(const json& object, const char* name) {
    static const json kNothing = json::object();
    const auto found = object.find(name);
    if (found == object.end() || found->is_null()) return kNothing;
    if (found->is_object()) return *found;
    wrong = true;
    return kNothing;
  }

  std::string_view keep(std::string value) {
    out_.storage.push_back(std::make_unique<std::string>(std::move(value)));
    return *out_.storage.back();
  }

  SlowRecord& out_;
};

event::EventCategory category_of(const CloudTrailEvent& e) {
  using event::EventCategory;
  if (e.event_category == "Management") return EventCategory::kManagement;
  if (e.event_category == "Data") return EventCategory::kData;
  if (e.event_category == "NetworkActivity") return EventCategory::kNetworkActivity;
  if (e.event_category == "Insight") return EventCategory::kInsight;
  if (e.event_category == "Aggregated") return EventCategory::kAggregated;
  if (!e.event_category.empty()) return EventCategory::kOther;
  if (e.event_type == "AwsCloudTrailInsight") return EventCategory::kInsight;
  if (e.event_type.substr(0, 7) == "AwsVpce") return EventCategory::kNetworkActivity;
  if (e.event_type == "AwsAggregatedEvent") return EventCategory::kAggregated;
  return e.management_event == false ? EventCategory::kData : EventCategory::kManagement;
}

Refusal verdict_of(const CloudTrailEvent& e, std::string_view time) {
  using event::EventCategory;
  if (e.category == EventCategory::kInsight || e.category == EventCategory::kAggregated || e.category == EventCategory::kOther)
    return Refusal::kNone;
  if (time.empty() && e.event_source.empty() && e.event_name.empty()) return Refusal::kNotARecord;
  if (time.empty()) return Refusal::kMissingEventTime;
  if (!parse_event_time(time)) return Refusal::kBadEventTime;
  if (e.event_source.empty()) return Refusal::kMissingEventSource;
  if (e.event_name.empty()) return Refusal::kMissingEventName;
  if (e.event_id.empty() && e.event_version != "1.0" && e.event_version != "1.00") return Refusal::kMissingEventId;
  return Refusal::kNone;
}

}  // namespace

std::optional<SlowRecord> decode_slowly(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;  // nlohmann takes it for the end of the text
  DepthProbe probe;
  if (!json::sax_parse(text, &probe) || probe.deepest > event::Decoder::kMaxDepth) return std::nullopt;
  const json record = json::parse(text, nullptr, false);
  if (!record.is_object()) return std::nullopt;
  SlowRecord out;
  SlowReading read(out);
  CloudTrailEvent& e = out.event;
  e.event_version = read.text(record, "eventVersion", true);
  const std::string_view time = read.text(record, "eventTime");
  e.event_time = parse_event_time(time).value_or(Timestamp{});
  e.event_source = read.text(record, "eventSource");
  e.event_name = read.text(record, "eventName");
  e.aws_region = read.text(record, "awsRegion");
  e.source_ip_address = read.text(record, "sourceIPAddress");
  e.user_agent = read.text(record, "userAgent");
  e.error_code = read.text(record, "errorCode", true);
  e.error_message = read.text(record, "errorMessage", true);
  e.request_id = read.text(record, "requestID", true);
  e.event_id = read.text(record, "eventID");
  e.api_version = read.text(record, "apiVersion", true);
  e.event_type = read.text(record, "eventType");
  e.event_category = read.text(record, "eventCategory");
  e.recipient_account_id = read.text(record, "recipientAccountId", true);
  e.shared_event_id = read.text(record, "sharedEventID");
  e.vpc_endpoint_id = read.text(record, "vpcEndpointId");
  e.vpc_endpoint_account_id = read.text(record, "vpcEndpointAccountId", true);
  e.session_credential_from_console = read.text(record, "sessionCredentialFromConsole", true);
  e.annotation = read.text(record, "annotation", true);
  e.read_only = read.flag(record, "readOnly");
  e.management_event = read.flag(record, "managementEvent");
  read.identity(record);
  e.category = category_of(e);
  out.verdict = read.wrong ? Refusal::kWrongType : verdict_of(e, time);
  return out;
}

std::string describe(const CloudTrailEvent& e) {
  std::ostringstream out;
  const UserIdentity& i = e.user_identity;
  const auto flag = [](std::optional<bool> value) { return !value ? "absent" : *value ? "true" : "false"; };
  // Members that may be numbers or booleans are left out where they are not strings: nlohmann does not keep their spelling.
  const auto written = [](std::string_view value) {
    const bool spelled = value == "true" || value == "false" || (!value.empty() && (value[0] == '-' || (value[0] >= '0' && value[0] <= '9')));
    return spelled ? std::string_view{} : value;
  };
  out << format_time(e.event_time) << '\n'
      << written(e.event_version) << '\n' << e.event_source << '\n' << e.event_name << '\n' << e.aws_region << '\n' << e.source_ip_address << '\n'
      << e.user_agent << '\n' << written(e.error_code) << '\n' << written(e.error_message) << '\n' << written(e.request_id) << '\n' << e.event_id
      << '\n' << e.event_type << '\n' << written(e.recipient_account_id) << '\n' << e.shared_event_id << '\n' << e.vpc_endpoint_id << '\n'
      << flag(e.read_only) << '\n' << flag(e.management_event) << '\n' << to_string(e.category) << '\n'
      << i.type_text << '\n' << i.principal_id << '\n' << i.arn << '\n' << written(i.account_id) << '\n' << i.access_key_id << '\n' << i.user_name
      << '\n' << i.invoked_by << '\n' << i.identity_provider << '\n' << i.credential_id << '\n' << written(i.mfa_authenticated) << '\n'
      << i.creation_date << '\n' << i.source_identity << '\n' << i.issuer_type << '\n' << i.issuer_principal_id << '\n' << i.issuer_arn << '\n'
      << written(i.issuer_account_id) << '\n' << i.issuer_user_name;
  return out.str();
}

std::string padded(std::string_view text) {
  std::string out(text);
  out.append(event::kPadding, ' ');
  return out;
}

}  // namespace trailwarden::testing
