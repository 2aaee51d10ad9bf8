#include "alerts/alert_view.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace trailwarden::alerts {
namespace {

using nlohmann::json;

std::string text_in(const json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const json& member(const json& object, const char* name) {
  static const json kNothing;
  const auto found = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && found != object.end() ? *found : kNothing;
}

/// What `cut_alert` takes for granted: records are objects, if there are any.
bool has_form(const json& about) {
  const json& records = member(about, "records");
  return records.is_null() || (records.is_array() && std::ranges::all_of(records, [](const json& one) { return one.is_object(); }));
}

void read_finding(const json& detail, AlertView& out) {
  out.kind = text_in(detail, "kind");
  out.what = text_in(detail, "what");
  out.summarises = text_in(detail, "summarises");
  out.title = text_in(detail, "title");
  out.normal = text_in(detail, "normal");
  out.entity = text_in(detail, "entity");
  const json& principal = member(detail, "principal");
  out.principal = text_in(principal, "arn");
  out.source_address = text_in(principal, "sourceIPAddress");
  for (const json& one : member(detail, "attack")) out.attack.push_back({text_in(one, "technique"), text_in(one, "name"), text_in(one, "tactic")});
  for (const json& one : member(detail, "records"))
    if (std::string id = text_in(one, "eventID"); !id.empty()) out.event_ids.push_back(std::move(id));
}

/// "ApiCallRateInsight" of "iam.amazonaws.com:CreateUser".
void read_insight(const json& detail, const json& about, AlertView& out) {
  const json& details = member(detail, "insightDetails");
  out.kind = "insight";
  out.what = text_in(details, "insightType");
  out.event_source = text_in(details, "eventSource");
  out.event_name = text_in(details, "eventName");
  out.error_code = text_in(details, "errorCode");
  out.entity = fmt::format("{}:{}{}{}", out.event_source, out.event_name, out.error_code.empty() ? "" : ":", out.error_code);
  out.incident = text_in(detail, "sharedEventID");
  const std::string state = text_in(details, "state");
  out.is_start = state == "Start";
  out.is_end = state == "End";
  out.title = fmt::format("{} of {} {}", out.what == "ApiErrorRateInsight" ? "Error rate" : "Call rate", out.entity, out.is_end ? "is usual again" : "is unusual");
  for (const json& id : member(about, "eventIDs"))
    if (id.is_string()) out.event_ids.push_back(id.get<std::string>());
}

}  // namespace

std::optional<event::Severity> severity_of(std::string_view word) {
  for (std::size_t i = 0; i < event::kSeverities; ++i)
    if (const auto severity = static_cast<event::Severity>(i); to_string(severity) == word) return severity;
  return std::nullopt;
}

Result<AlertView> view_of(std::string_view text) {
  const json alert = json::parse(text, nullptr, false);
  const json& detail = member(alert, "detail");
  AlertView out;
  out.id = text_in(alert, "id");
  if (out.id.empty() || !detail.is_object()) return fail(ErrorCode::kMalformed, "this is no alert: it has no `id`, or no `detail`");
  const json& beside = member(alert, "trailwarden");
  const bool is_insight = beside.is_object();
  if (!has_form(detail) || !(beside.is_null() || (is_insight && has_form(beside)))) return fail(ErrorCode::kMalformed, "this is no alert: its `records`, or its `trailwarden`, are not as an alert has them");
  const json& about = is_insight ? beside : detail;
  out.detector = text_in(about, "detector");
  out.sentence = text_in(about, "sentence");
  out.account = text_in(alert, "account");
  out.region = text_in(alert, "region");
  out.severity = severity_of(text_in(about, "severity")).value_or(event::Severity::kInformational);
  out.time = parse_event_time(text_in(alert, "time")).value_or(Timestamp{});
  is_insight ? read_insight(detail, about, out) : read_finding(detail, out);
  return out;
}

}  // namespace trailwarden::alerts
