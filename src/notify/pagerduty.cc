#include "notify/pagerduty.h"

#include <array>

#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "core/text.h"

namespace trailwarden::notify {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, event::kSeverities> kSeverities{"info", "info", "warning", "error", "critical"};
constexpr std::size_t kSummaryBytes = 1'024;

std::string dedup_key(const MessageView& view) {
  if (view.alerts.size() != 1) return view.message.id;
  if (!view.first().incident.empty()) return view.first().incident;
  return view.first().summarises.empty() ? view.message.id : uuid_of_parts({view.message.sink, view.first().summarises});
}

std::string severity_of(const MessageView& view, const SinkConfig& config) {
  const auto own = config.severities.find(std::string(to_string(view.severity)));
  return own != config.severities.end() ? own->second : std::string(kSeverities.at(static_cast<std::size_t>(view.severity)));
}

ordered_json details_of(const MessageView& view) {
  ordered_json out{{"id", view.message.id}, {"count", view.count}};
  if (view.is_digest()) out["findings"] = view.message.more.in_words();
  if (view.alerts.empty()) return out;
  const AlertView& alert = view.first();
  for (const auto& [name, value] : {std::pair("sentence", alert.sentence), {"normal", alert.normal}, {"account", alert.account}, {"region", alert.region}, {"entity", alert.entity}, {"principal", alert.principal},
                                    {"source_ip", alert.source_address}, {"alert_id", alert.id}})
    if (!value.empty()) out[name] = value;
  for (const AlertView::Technique& one : alert.attack) out["attack"].push_back(one.id + " " + one.name);
  if (!alert.event_ids.empty()) out["event_ids"] = alert.event_ids;
  return out;
}

}  // namespace

std::string pagerduty_body(const MessageView& view, const SinkConfig& config, const std::string& routing_key) {
  ordered_json out{{"routing_key", routing_key}, {"event_action", view.is_end() ? "resolve" : "trigger"}, {"dedup_key", dedup_key(view)}};
  const std::string summary = view.sentence.substr(0, valid_utf8_prefix(std::string_view(view.sentence).substr(0, kSummaryBytes)));
  ordered_json payload{{"summary", summary}, {"severity", severity_of(view, config)}};
  payload["timestamp"] = format_time(view.alerts.empty() ? std::chrono::floor<std::chrono::seconds>(view.message.created) : view.first().time);
  payload["source"] = view.alerts.empty() ? "trailwarden" : view.first().account + "/" + view.first().region;
  if (!view.alerts.empty()) {
    payload["component"] = view.first().detector;
    payload["class"] = view.first().what;
  }
  payload["custom_details"] = details_of(view);
  out["payload"] = std::move(payload);
  out["client"] = "trailwarden";
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Result<HttpMessage> PagerDuty::make(const MessageView& view, Timestamp) {
  auto key = secret_of(config(), config().routing_key, "routing_key");
  if (!key) return fail(std::move(key).error());
  HttpMessage out{.url = config().url, .headers = {{"Content-Type", "application/json"}, {"User-Agent", "trailwarden"}}, .body = pagerduty_body(view, config(), *key)};
  out.secrets.push_back(std::move(*key));
  return out;
}

}  // namespace trailwarden::notify
