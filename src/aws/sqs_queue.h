#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "aws/credential_chain.h"
#include "aws/http_client.h"
#include "aws/message_queue.h"

namespace trailwarden::aws {

struct SqsSettings {
  std::string url;       // `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`
  std::string region;    // of the queue
  std::string endpoint;  // that is asked instead of the URL's host: `https://HOST[:PORT]`; empty: none
};

/// A queue of Amazon SQS, by its JSON protocol (AWS JSON 1.0) with Signature Version 4.
///
/// A request that AWS refuses is an error with its words and what to do; nothing is tried again here. Credentials that AWS refuses are
/// looked for anew the next time. Thread-safe. Time: the wall clock, for signatures.
/// Source: Amazon SQS API reference; "Making requests using AWS JSON protocol".
class SqsQueue final : public MessageQueue {
 public:
  /// kInvalidArgument with what is wrong with the settings. Asks nobody. `http` and `credentials` outlive the queue. `now` empty: the wall clock.
  static Result<std::unique_ptr<SqsQueue>> create(SqsSettings settings, HttpClient& http, CredentialChain& credentials, std::function<Timestamp()> now = {});

  Result<std::vector<QueuedMessage>> receive(std::chrono::seconds wait, std::chrono::seconds hidden) override;
  Result<std::vector<std::size_t>> remove(std::span<const std::string> handles) override;
  Result<std::vector<std::size_t>> hide(std::span<const std::string> handles, std::chrono::seconds hidden) override;
  void interrupt() override { interrupted_ = true; }
  std::string name() const override;

 private:
  SqsQueue(SqsSettings settings, std::string origin, HttpClient& http, CredentialChain& credentials, std::function<Timestamp()> now);
  Result<nlohmann::json> call(std::string_view action, const nlohmann::json& asked, std::chrono::seconds wait = std::chrono::seconds{0});
  Result<std::vector<std::size_t>> call_each(std::string_view action, std::span<const std::string> handles, std::chrono::seconds hidden);

  const SqsSettings settings_;
  const std::string origin_;  // `https://HOST[:PORT]`
  HttpClient& http_;
  CredentialChain& credentials_;
  const std::function<Timestamp()> now_;
  std::atomic<bool> interrupted_ = false;
};

}  // namespace trailwarden::aws
