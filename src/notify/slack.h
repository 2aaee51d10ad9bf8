#pragma once

#include <string>

#include "notify/http_sink.h"

namespace trailwarden::notify {

/// An incoming webhook of Slack, or of what takes the same (Mattermost, Rocket.Chat). Its URL is a secret. Slack knows no idempotency key: the id stands at the end of the message.
/// Source: Slack, "Sending messages using incoming webhooks", "Block Kit", "Formatting message text".
class Slack final : public HttpSink {
 public:
  explicit Slack(SinkConfig config) : HttpSink(std::move(config)) {}

 protected:
  Result<HttpMessage> make(const MessageView& view, Timestamp now) override;
};

std::string slack_body(const MessageView& view);

}  // namespace trailwarden::notify
