#pragma once

#include <string>

#include "notify/http_sink.h"

namespace trailwarden::notify {

/// PagerDuty's Events API v2. `dedup_key` is the message's id; the Start and the End of an Insight share theirs, and the End resolves. The repeats of a finding go to its alert.
/// Source: PagerDuty, "Send an alert event", "PD-CEF".
class PagerDuty final : public HttpSink {
 public:
  explicit PagerDuty(SinkConfig config) : HttpSink(std::move(config)) {}

 protected:
  Result<HttpMessage> make(const MessageView& view, Timestamp now) override;
};

std::string pagerduty_body(const MessageView& view, const SinkConfig& config, const std::string& routing_key);

}  // namespace trailwarden::notify
