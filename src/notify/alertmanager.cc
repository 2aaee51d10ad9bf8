#include "notify/alertmanager.h"

#include <nlohmann/json.hpp>

namespace trailwarden::notify {
namespace {

using nlohmann::ordered_json;

constexpr std::chrono::hours kLongestInsight{24 * 7};  // that goes on; no End need come if the service is taken down for good

void put(ordered_json& object, const char* name, const std::string& value) {
  if (!value.empty()) object[name] = value;  // an empty label is none
}

/// The same for the Start and the End of an Insight.
ordered_json labels_of(const MessageView& view, const SinkConfig& config) {
  ordered_json labels = ordered_json::object();
  for (const auto& [name, value] : config.labels) put(labels, name.c_str(), value);
  labels["severity"] = to_string(view.severity);
  if (view.alerts.empty()) {
    labels["alertname"] = "TrailwardenDigest";
    return labels;
  }
  const AlertView& alert = view.first();
  labels["alertname"] = alert.is_insight() ? "TrailwardenInsight" : "TrailwardenFinding";
  put(labels, "detector", alert.detector);
  put(labels, "what", alert.what);
  put(labels, "account", alert.account);
  put(labels, "region", alert.region);
  put(labels, "entity", alert.entity);
  put(labels, "incident", alert.incident);
  return labels;
}

ordered_json annotations_of(const MessageView& view) {
  ordered_json out{{"summary", view.title}, {"description", view.sentence}, {"id", view.message.id}};
  if (view.alerts.empty()) return out;
  const AlertView& alert = view.first();
  put(out, "alert_id", alert.id);
  put(out, "event_time", format_time(alert.time));
  put(out, "principal", alert.principal);
  put(out, "source_ip", alert.source_address);
  put(out, "normal", alert.normal);
  return out;
}

}  // namespace

std::string alertmanager_body(const MessageView& view, const SinkConfig& config) {
  const auto told = std::chrono::floor<std::chrono::seconds>(view.message.created);
  const bool goes_on = !view.alerts.empty() && view.first().is_start;
  ordered_json alert{{"labels", labels_of(view, config)}, {"annotations", annotations_of(view)}};
  // An End says nothing of its beginning: Alertmanager keeps the one it has.
  if (!view.is_end()) alert["startsAt"] = format_time(told);
  alert["endsAt"] = format_time(view.is_end() ? told : goes_on ? told + kLongestInsight : told + config.resolve_after);
  return ordered_json::array({std::move(alert)}).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Result<HttpMessage> Alertmanager::make(const MessageView& view, Timestamp) {
  HttpMessage out{.url = config().url + "/api/v2/alerts", .headers = {{"Content-Type", "application/json"}, {"User-Agent", "trailwarden"}}, .body = alertmanager_body(view, config())};
  if (auto authorized = authorize(out); !authorized) return fail(std::move(authorized).error());
  return out;
}

}  // namespace trailwarden::notify
