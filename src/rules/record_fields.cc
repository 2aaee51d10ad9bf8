#include "rules/record_fields.h"

#include <algorithm>

#include "event/finding.h"

namespace trailwarden::rules {
namespace {

using Kind = JsonValue::Kind;

std::string text_of(const JsonValue& value) { return value.kind == Kind::kString || value.kind == Kind::kNumber ? value.text : compact_json(value); }

std::string joined(std::string_view above, std::string_view name) { return above.empty() ? std::string(name) : std::string(above).append(".").append(name); }

}  // namespace

std::optional<std::string> RecordFields::derived(std::string_view field) const {
  if (field == "principal") return event::describe_principal(event_);
  if (field == "principal_id") return std::string(event::principal_of(event_));
  if (field == "account") return std::string(event_.account());
  if (field == "region") return std::string(event_.region());
  if (field == "service") return std::string(event_.event_source.substr(0, event_.event_source.find('.')));
  return std::nullopt;
}

/// What the decoder has read already. A member that is there and empty counts as absent, as the decoder has it.
std::optional<std::string_view> RecordFields::decoded(std::string_view field) const {
  using event::CloudTrailEvent;
  using event::UserIdentity;
  struct OfEvent {
    std::string_view path;
    std::string_view CloudTrailEvent::*member;
  };
  struct OfIdentity {
    std::string_view path;
    std::string_view UserIdentity::*member;
  };
  static constexpr OfEvent kEvent[] = {{"eventName", &CloudTrailEvent::event_name}, {"eventSource", &CloudTrailEvent::event_source}, {"sourceIPAddress", &CloudTrailEvent::source_ip_address},
                                       {"userAgent", &CloudTrailEvent::user_agent}, {"errorCode", &CloudTrailEvent::error_code}, {"awsRegion", &CloudTrailEvent::aws_region},
                                       {"recipientAccountId", &CloudTrailEvent::recipient_account_id}};
  static constexpr OfIdentity kIdentity[] = {{"userIdentity.accessKeyId", &UserIdentity::access_key_id}, {"userIdentity.arn", &UserIdentity::arn},
                                             {"userIdentity.userName", &UserIdentity::user_name}, {"userIdentity.principalId", &UserIdentity::principal_id},
                                             {"userIdentity.accountId", &UserIdentity::account_id}, {"userIdentity.type", &UserIdentity::type_text}};
  for (const OfEvent& known : kEvent)
    if (known.path == field) return event_.*known.member;
  for (const OfIdentity& known : kIdentity)
    if (known.path == field) return event_.user_identity.*known.member;
  return std::nullopt;
}

const JsonValue& RecordFields::record() const {
  if (!record_) record_ = parse_json(event_.raw).value_or(JsonValue{});
  return *record_;
}

template <class Visit>
bool RecordFields::each_at(const JsonValue& from, std::string_view path, const std::string& here, Visit& visit) const {
  if (from.kind == Kind::kArray) {
    return std::all_of(from.elements.begin(), from.elements.end(), [&](const JsonValue& element) { return each_at(element, path, here, visit); });
  }
  if (from.kind == Kind::kString && std::find(decode_.begin(), decode_.end(), here) != decode_.end()) {
    auto document = parse_json(from.text);
    if (document && document->is_container()) return each_at(*documents_.emplace_back(std::make_unique<JsonValue>(*std::move(document))), path, here, visit);
  }
  if (path.empty()) return from.kind == Kind::kNull || visit(from);
  if (from.kind != Kind::kObject) return true;
  for (const JsonMember& member : from.members) {
    if (!path.starts_with(member.name)) continue;
    std::string_view rest = path.substr(member.name.size());
    if (!rest.empty() && rest.front() != '.') continue;
    if (!rest.empty()) rest.remove_prefix(1);
    if (!each_at(member.value, rest, joined(here, member.name), visit)) return false;
  }
  return true;
}

std::optional<std::string> RecordFields::text(std::string_view field) const {
  if (auto value = derived(field)) return value;
  if (const auto known = decoded(field)) return known->empty() ? std::nullopt : std::optional<std::string>(*known);
  std::optional<std::string> out;
  const auto first = [&](const JsonValue& value) {
    out = text_of(value);
    return false;
  };
  each_at(record(), field, {}, first);
  return out;
}

std::vector<std::string> RecordFields::texts(std::string_view field) const {
  if (auto value = derived(field)) return {*std::move(value)};
  std::vector<std::string> out;
  if (const auto known = decoded(field)) {
    if (!known->empty()) out.emplace_back(*known);
    return out;
  }
  const auto collect = [&](const JsonValue& value) {
    if (std::string text = text_of(value); std::find(out.begin(), out.end(), text) == out.end()) out.push_back(std::move(text));
    return true;
  };
  each_at(record(), field, {}, collect);
  return out;
}

}  // namespace trailwarden::rules
