#pragma once

#include <string>
#include <string_view>

#include "notify/http_sink.h"

namespace trailwarden::notify {

/// POSTs JSON to a URL: the plain form, OCSF, or a template's. With a secret it is signed as "Standard Webhooks" has it: headers `webhook-id`, `webhook-timestamp`, `webhook-signature`.
/// Source: standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
class Webhook final : public HttpSink {
 public:
  explicit Webhook(SinkConfig config) : HttpSink(std::move(config)) {}

 protected:
  Result<HttpMessage> make(const MessageView& view, Timestamp now) override;
};

/// `v1,` and HMAC-SHA256 over `ID.TIME.BODY` in base64. A secret that begins with `whsec_` is base64 behind it; any other one is its bytes.
/// kMalformed: it is not.
Result<std::string> webhook_signature(std::string_view secret, std::string_view id, Timestamp time, std::string_view body);

}  // namespace trailwarden::notify
