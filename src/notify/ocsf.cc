#include "notify/ocsf.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "core/version.h"

namespace trailwarden::notify {
namespace {

using nlohmann::ordered_json;

struct Level {
  int id;
  std::string_view name;
};
constexpr std::array<Level, event::kSeverities> kLevels{{{1, "Informational"}, {2, "Low"}, {3, "Medium"}, {4, "High"}, {5, "Critical"}}};

std::int64_t milliseconds_of(Timestamp time) { return std::chrono::milliseconds(time.time_since_epoch()).count(); }

/// What all of them have.
ordered_json base(const Message& message, event::Severity severity, Timestamp time, bool is_end) {
  const Level& level = kLevels.at(static_cast<std::size_t>(severity));
  const int activity = is_end ? 3 : 1;
  return {{"activity_id", activity},
          {"activity_name", is_end ? "Close" : "Create"},
          {"category_uid", 2},
          {"category_name", "Findings"},
          {"class_uid", 2004},
          {"class_name", "Detection Finding"},
          {"type_uid", 200'400 + activity},
          {"type_name", is_end ? "Detection Finding: Close" : "Detection Finding: Create"},
          {"severity_id", level.id},
          {"severity", level.name},
          {"status_id", is_end ? 4 : 1},
          {"status", is_end ? "Resolved" : "New"},
          {"time", milliseconds_of(time)},
          {"metadata", {{"version", "1.3.0"}, {"profiles", {"cloud"}}, {"uid", message.id}, {"product", {{"name", "trailwarden"}, {"vendor_name", "trailwarden"}, {"version", TRAILWARDEN_VERSION}}}}}};
}

ordered_json cloud_of(const AlertView& alert) {
  return {{"provider", "AWS"}, {"account", {{"uid", alert.account}, {"name", alert.account}, {"type_id", 10}, {"type", "AWS Account"}}}, {"region", alert.region}};
}

ordered_json attacks_of(const AlertView& alert) {
  ordered_json out = ordered_json::array();
  for (const AlertView::Technique& one : alert.attack) out.push_back({{"technique", {{"uid", one.id}, {"name", one.name}}}, {"tactic", {{"name", one.tactic}}}, {"version", "17.1"}});
  return out;
}

ordered_json finding_info(const AlertView& alert) {
  ordered_json out{{"uid", alert.incident.empty() ? alert.id : alert.incident}, {"title", alert.title}, {"desc", alert.sentence}, {"types", {alert.what}}, {"created_time", milliseconds_of(alert.time)},
                   {"analytic", {{"uid", alert.detector + "." + alert.what}, {"name", alert.detector}, {"type_id", alert.is_insight() ? 3 : 1}, {"type", alert.is_insight() ? "Statistical" : "Rule"}}},
                   {"data_sources", {"AWS CloudTrail"}}};
  if (!alert.attack.empty()) out["attacks"] = attacks_of(alert);
  if (!alert.event_ids.empty()) out["related_events_count"] = alert.event_ids.size();
  return out;
}

ordered_json evidences_of(const AlertView& alert) {
  ordered_json one = ordered_json::object();
  if (!alert.principal.empty()) one["actor"] = {{"user", {{"uid", alert.principal}}}};
  if (!alert.source_address.empty()) one["src_endpoint"] = {{alert.source_address.find_first_not_of("0123456789abcdefABCDEF.:") == std::string::npos ? "ip" : "hostname", alert.source_address}};
  if (!alert.event_ids.empty()) one["data"] = {{"cloudtrail_event_ids", alert.event_ids}};
  return one.empty() ? ordered_json::array() : ordered_json::array({one});
}

ordered_json finding(const MessageView& view, const AlertView& alert) {
  const auto severity = alert.is_end && view.message.began_as ? *view.message.began_as : alert.severity;
  ordered_json out = base(view.message, severity, alert.time, alert.is_end);
  if (view.alerts.size() > 1) out["metadata"]["uid"] = uuid_of_parts({view.message.sink, alert.id});
  out["message"] = alert.sentence;
  out["cloud"] = cloud_of(alert);
  out["finding_info"] = finding_info(alert);
  if (!alert.entity.empty()) out["resources"] = {{{"uid", alert.entity}, {"region", alert.region}}};
  if (ordered_json evidences = evidences_of(alert); !evidences.empty()) out["evidences"] = std::move(evidences);
  return out;
}

ordered_json digest(const MessageView& view) {
  const auto created = std::chrono::floor<std::chrono::seconds>(view.message.created);
  ordered_json out = base(view.message, view.severity, created, false);
  out["message"] = view.sentence;
  out["count"] = view.count;
  out["cloud"] = {{"provider", "AWS"}};
  out["finding_info"] = {{"uid", view.message.id}, {"title", view.title}, {"desc", view.sentence}, {"types", {"digest"}}, {"created_time", milliseconds_of(created)}, {"data_sources", {"AWS CloudTrail"}}};
  return out;
}

}  // namespace

std::string ocsf_body(const MessageView& view) {
  ordered_json out = ordered_json::array();
  for (const AlertView& alert : view.alerts) out.push_back(finding(view, alert));
  if (!view.message.more.empty() || view.alerts.empty()) out.push_back(digest(view));
  return (out.size() == 1 ? out.front() : out).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace trailwarden::notify
