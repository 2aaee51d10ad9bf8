#include "notify/alertmanager.h"
#include "notify/aws_sinks.h"
#include "notify/http_sink.h"
#include "notify/pagerduty.h"
#include "notify/sink.h"
#include "notify/slack.h"
#include "notify/syslog.h"
#include "notify/webhook.h"

namespace trailwarden::notify {
namespace {

std::unique_ptr<Sink> make(const SinkConfig& config) {
  switch (config.type) {
    case SinkType::kWebhook: return std::make_unique<Webhook>(config);
    case SinkType::kSlack: return std::make_unique<Slack>(config);
    case SinkType::kPagerDuty: return std::make_unique<PagerDuty>(config);
    case SinkType::kAlertmanager: return std::make_unique<Alertmanager>(config);
    case SinkType::kSns: return std::make_unique<Sns>(config);
    case SinkType::kEventBridge: return std::make_unique<EventBridge>(config);
    case SinkType::kSyslog: break;
  }
  return std::make_unique<Syslog>(config);
}

}  // namespace

Result<std::unique_ptr<Sink>> open_sink(const SinkConfig& config) {
  // What cannot be read is told at the start, and not with the first alert.
  for (const auto& [source, key] : {std::pair(&config.url_source, "url"), {&config.authorization, "authorization"}, {&config.signing_secret, "signing_secret"}, {&config.routing_key, "routing_key"}})
    if (!source->empty())
      if (auto secret = secret_of(config, *source, key); !secret) return fail(std::move(secret).error());
  return make(config);
}

}  // namespace trailwarden::notify
