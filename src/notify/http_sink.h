#pragma once

#include <memory>
#include <string>
#include <vector>

#include "aws/http_client.h"
#include "notify/sink.h"

namespace trailwarden::notify {

/// A request that carries a message.
struct HttpMessage {
  std::string url;
  aws::Headers headers;
  std::string body;
  std::vector<std::string> secrets;  // in it
};

/// A sink that takes HTTP requests. Derived ones say which request a message is, and may know more of the answers.
///
/// 2xx: delivered. What waiting may mend, or somebody who looks at it (no answer, 3xx, 401, 402, 403, 404, 405, 407, 408, 410, 421, 423, 425, 429, 5xx): later, and not before Retry-After.
/// Every other status: refused.
class HttpSink : public Sink {
 public:
  Sent send(const Message& message, Timestamp now, const std::atomic<bool>& cancelled) override;
  std::string preview(const Message& message, Timestamp now) override;

  /// Of an answer by its status alone.
  static Sent judge_status(const aws::HttpResponse& response, Timestamp now);

 protected:
  explicit HttpSink(SinkConfig config) : config_(std::move(config)) {}
  const SinkConfig& config() const { return config_; }
  aws::HttpClient& http() { return http_; }

  virtual Result<HttpMessage> make(const MessageView& view, Timestamp now) = 0;
  virtual Sent judge(const aws::HttpResponse& response, Timestamp now) { return judge_status(response, now); }
  /// The URL in use: the file's own, or the secret one. Adds what is secret of it.
  Result<std::string> url(std::vector<std::string>& secrets) const;
  /// The header Authorization, if there is one.
  Result<void> authorize(HttpMessage& message) const;

 private:
  const SinkConfig config_;
  aws::HttpClient http_;
};

/// A secret of a sink: read now. The error says which key of which sink.
Result<std::string> secret_of(const SinkConfig& config, const config::SecretSource& source, std::string_view key);

}  // namespace trailwarden::notify
