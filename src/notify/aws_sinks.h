#pragma once

#include <string>
#include <utility>

#include "aws/credential_chain.h"
#include "notify/http_sink.h"

namespace trailwarden::notify {

/// A sink that is an AWS service: requests with Signature Version 4, by the credentials of this process.
class AwsSink : public HttpSink {
 protected:
  AwsSink(SinkConfig config, std::string service);
  /// The request with this body, signed. `target`: the header X-Amz-Target; empty for none.
  Result<HttpMessage> signed_message(std::string body, std::string_view content_type, std::string_view target, Timestamp now);
  Sent judge(const aws::HttpResponse& response, Timestamp now) override;

 private:
  const std::string service_, origin_;
  aws::CredentialChain credentials_;
  std::string used_key_;
};

/// Amazon SNS, `Publish`. A FIFO topic drops repeats by the id, within its five minutes.
class Sns final : public AwsSink {
 public:
  explicit Sns(SinkConfig config) : AwsSink(std::move(config), "sns") {}

 protected:
  Result<HttpMessage> make(const MessageView& view, Timestamp now) override;
};

/// Amazon EventBridge, `PutEvents`: `source` trailwarden, `detail` the plain form or OCSF.
class EventBridge final : public AwsSink {
 public:
  explicit EventBridge(SinkConfig config) : AwsSink(std::move(config), "events") {}

 protected:
  Result<HttpMessage> make(const MessageView& view, Timestamp now) override;
  Sent judge(const aws::HttpResponse& response, Timestamp now) override;
};

/// Form-encoded parameters of `Publish`; `PutEvents` as JSON.
std::string sns_body(const MessageView& view, const SinkConfig& config);
std::string eventbridge_body(const MessageView& view, const SinkConfig& config);

}  // namespace trailwarden::notify
