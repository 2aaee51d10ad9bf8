#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alerts/alert_view.h"
#include "config/section.h"
#include "config/service_config.h"
#include "event/finding.h"

namespace trailwarden::notify {

using alerts::AlertView;

enum class SinkType : std::uint8_t { kWebhook, kSlack, kPagerDuty, kAlertmanager, kSns, kEventBridge, kSyslog };
std::string_view to_string(SinkType type);
/// Whether it knows of things that go on, and end: it is told of the end of an Insight whatever its severity, where it was told of the beginning.
inline bool has_ends(SinkType type) { return type == SinkType::kPagerDuty || type == SinkType::kAlertmanager; }

/// Alerts that agree in `by` within `window` of the first become one message.
struct GroupConfig {
  std::vector<std::string> by;  // of kGroupFields; empty: no grouping
  std::chrono::seconds window{30};
  bool operator==(const GroupConfig&) const = default;
};

/// At most so many messages within `per`; what is more becomes one message at its end.
struct RateConfig {
  std::uint64_t messages = 0;  // 0: any number
  std::chrono::seconds per{600};
  bool operator==(const RateConfig&) const = default;
};

struct RetryConfig {
  std::chrono::seconds first{1}, longest{300};     // after something that did not work; doubles
  std::chrono::seconds max_age = std::chrono::hours{24};  // of a message; older ones are dead letters
  std::uint64_t max_attempts = 0;                  // 0: as many as it lives
  bool operator==(const RetryConfig&) const = default;
};

/// One of `notifications.sinks`. What a type does not have is empty.
struct SinkConfig {
  std::string name;
  SinkType type = SinkType::kWebhook;
  std::string format;                      // webhook, sns, eventbridge, syslog: "alert", "ocsf", "text" or "template"
  std::string url;                         // as it stands in the file; no secret
  config::SecretSource url_source;         // of one that is a secret
  std::string body;                        // of the format "template"
  std::vector<std::pair<std::string, std::string>> headers;
  config::SecretSource authorization;      // the value of the header
  config::SecretSource signing_secret;     // webhook
  config::SecretSource routing_key;        // pagerduty
  std::map<std::string, std::string> severities;  // pagerduty: ours to theirs, where not as usual
  std::map<std::string, std::string> labels;      // alertmanager
  std::chrono::seconds resolve_after = std::chrono::hours{1};  // alertmanager
  std::string topic_arn, event_bus, region, endpoint;          // sns, eventbridge
  std::string address, transport, facility;                    // syslog
  std::string ca_file, certificate_file, key_file;
  bool allow_plaintext = false;
  std::chrono::seconds timeout{10};
  std::uint64_t queue = 10'000;            // messages that wait; what is more is a dead letter
  GroupConfig group;
  RateConfig rate;
  RetryConfig retry;
  bool operator==(const SinkConfig&) const = default;
};

/// One of `notifications.routes`: which alerts go where. What is empty holds for any; all of the rest has to hold.
struct Route {
  event::Severity severity = event::Severity::kInformational;  // at least
  std::vector<std::string> detectors, accounts, regions;       // globs; a detector as `detector`, `what` or `detector.what`
  std::vector<std::string> sinks;
  bool operator==(const Route&) const = default;
};

struct NotifyConfig {
  std::string start = "latest";  // where the alerts begin to be told of: "latest", "earliest"
  std::vector<SinkConfig> sinks;
  std::vector<Route> routes;  // none: every alert goes to every sink
  bool operator==(const NotifyConfig&) const = default;
};

/// Reads `notifications:` of the top section; what is wrong goes to its diagnostics.
NotifyConfig read_notifications(const config::Section& top);

/// As YAML. There are no secrets in it: only where they are kept.
std::string to_yaml(const NotifyConfig& config);

bool fits(const Route& route, const AlertView& alert, bool whatever_severity = false);

/// The fields that alerts may be grouped by, and the alert's.
std::string group_field(const AlertView& alert, std::string_view field);

}  // namespace trailwarden::notify
