#pragma once

#include <string>

#include "notify/http_sink.h"

namespace trailwarden::notify {

/// Prometheus' Alertmanager, API v2, which groups, silences and resolves. An alert is its labels: told again it is the same one. A finding ends `resolve_after` it was told, an Insight with its End.
/// Source: prometheus/alertmanager, api/v2/openapi.yaml.
class Alertmanager final : public HttpSink {
 public:
  explicit Alertmanager(SinkConfig config) : HttpSink(std::move(config)) {}

 protected:
  Result<HttpMessage> make(const MessageView& view, Timestamp now) override;
};

std::string alertmanager_body(const MessageView& view, const SinkConfig& config);

}  // namespace trailwarden::notify
