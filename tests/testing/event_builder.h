#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "core/time.h"
#include "event/decoder.h"
#include "event/finding.h"
#include "testing/slow_decode.h"

namespace trailwarden::testing {

/// Decodes a record given as text and keeps what its views look into. Throws if the decoder refuses it: a test that wants a
/// malformed record decodes it itself.
inline std::unique_ptr<OwnedEvent> decoded(std::string_view record) {
  auto owned = std::make_unique<OwnedEvent>();
  owned->text = padded(record);
  const auto text = std::string_view(owned->text).substr(0, record.size());
  const event::Refusal refusal = event::Decoder().decode(text, owned->arena, owned->event);
  if (refusal != event::Refusal::kNone) throw std::invalid_argument(fmt::format("{}: {}", event::to_string(refusal), record));
  return owned;
}

/// A CloudTrail record, of which a test says only what matters:
///
///     an_event().named("ConsoleLogin").of("signin").by_root().without_mfa().from("203.0.113.7")
///
/// Left alone it is a successful write by user alice in account 111111111111, eu-west-1, on 2024-05-01T12:00:00Z. JSON values are given
/// as text.
class EventBuilder {
 public:
  EventBuilder() {
    record_ = {{"eventVersion", "1.08"},
               {"eventTime", "2024-05-01T12:00:00Z"},
               {"eventSource", "ec2.amazonaws.com"},
               {"eventName", "RunInstances"},
               {"eventID", ""},
               {"eventType", "AwsApiCall"},
               {"eventCategory", "Management"},
               {"awsRegion", "eu-west-1"},
               {"sourceIPAddress", "203.0.113.7"},
               {"userAgent", "aws-cli/2.15"},
               {"recipientAccountId", "111111111111"},
               {"readOnly", false},
               {"requestParameters", nullptr},
               {"responseElements", nullptr}};
    by_user("alice");
  }

  EventBuilder& named(std::string_view name) { return set("eventName", name); }
  /// A service, with or without ".amazonaws.com".
  EventBuilder& of(std::string_view service) {
    return set("eventSource", service.find('.') == std::string_view::npos ? fmt::format("{}.amazonaws.com", service) : std::string(service));
  }
  EventBuilder& id(std::string_view id) { return set("eventID", id); }
  EventBuilder& at(std::string_view time) { return set("eventTime", time); }
  EventBuilder& at(Timestamp time) { return set("eventTime", format_time(time)); }
  EventBuilder& from(std::string_view address) { return set("sourceIPAddress", address); }
  EventBuilder& in(std::string_view region) { return set("awsRegion", region); }
  EventBuilder& read() { return set("readOnly", true); }
  EventBuilder& request(std::string_view json_text) { return set("requestParameters", nlohmann::json::parse(json_text)); }
  EventBuilder& response(std::string_view json_text) { return set("responseElements", nlohmann::json::parse(json_text)); }
  EventBuilder& failed_with(std::string_view code, std::string_view message = "") {
    if (!code.empty()) set("errorCode", code);
    return message.empty() ? *this : set("errorMessage", message);
  }
  EventBuilder& refused() { return failed_with("AccessDenied", "not authorized"); }
  template <class T>
  EventBuilder& set(const char* name, const T& value) {
    record_[name] = value;
    return *this;
  }

  EventBuilder& by_root() {
    return identity({{"type", "Root"}, {"principalId", "111111111111"}, {"arn", "arn:aws:iam::111111111111:root"}, {"accountId", "111111111111"}});
  }
  EventBuilder& by_user(std::string_view name) {
    return identity({{"type", "IAMUser"}, {"arn", fmt::format("arn:aws:iam::111111111111:user/{}", name)}, {"accountId", "111111111111"}, {"userName", name}});
  }
  EventBuilder& by_role(std::string_view role, std::string_view session) {
    const std::string arn = fmt::format("arn:aws:iam::111111111111:role/{}", role);
    return identity({{"type", "AssumedRole"},
                     {"arn", fmt::format("arn:aws:sts::111111111111:assumed-role/{}/{}", role, session)},
                     {"accountId", "111111111111"},
                     {"sessionContext", {{"sessionIssuer", {{"type", "Role"}, {"arn", arn}, {"userName", role}}}}}});
  }
  /// A service on its own account: CloudTrail looking at its bucket.
  EventBuilder& by_service(std::string_view host) {
    set("sourceIPAddress", host);
    return identity({{"type", "AWSService"}, {"invokedBy", host}});
  }
  EventBuilder& invoked_by(std::string_view host) {
    record_["userIdentity"]["invokedBy"] = host;
    return *this;
  }
  EventBuilder& with_key(std::string_view access_key_id) {
    record_["userIdentity"]["accessKeyId"] = access_key_id;
    return *this;
  }
  EventBuilder& with_mfa() { return mfa(true); }
  EventBuilder& without_mfa() { return mfa(false); }
  EventBuilder& identity(nlohmann::json identity) {
    record_["userIdentity"] = std::move(identity);
    return *this;
  }

  std::string json() const {
    nlohmann::json record = record_;
    // One id for one content, so that events that differ are told apart without naming them.
    if (record["eventID"] == "") record["eventID"] = fmt::format("{:016x}", xxh3_64(record.dump()));
    return record.dump();
  }
  std::unique_ptr<OwnedEvent> decode() const { return decoded(json()); }

 private:
  EventBuilder& mfa(bool used) {
    if (record_["eventName"] == "ConsoleLogin") record_["additionalEventData"]["MFAUsed"] = used ? "Yes" : "No";
    else record_["userIdentity"]["sessionContext"]["attributes"]["mfaAuthenticated"] = used ? "true" : "false";
    return *this;
  }

  nlohmann::json record_;
};

inline EventBuilder an_event() { return {}; }

/// Keeps what detectors say.
class KeepFindings final : public event::Emit {
 public:
  void operator()(event::Finding finding) override { findings.push_back(std::move(finding)); }
  std::vector<event::Finding> findings;
};

}  // namespace trailwarden::testing
