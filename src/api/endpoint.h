#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "api/caller.h"
#include "api/trail_api.h"
#include "http/pages.h"

namespace trailwarden::metrics {
class Registry;
}

namespace trailwarden::api {

/// AWS's JSON protocol 1.1, as CloudTrail's endpoint speaks it: `POST /` with the operation in X-Amz-Target, signed; the answer or `{"__type", "Message"}`, and an
/// x-amzn-RequestId. Nothing but the time is told to whom it does not know. Thread-safe as far as the functions given to it are.
/// Source: AWS, "AWS JSON 1.1 protocol" (Smithy); shared/spec/api.md 1 and 7.
class Endpoint {
 public:
  struct Options {
    std::vector<AccessKey> keys;
    std::vector<std::string> regions;  // that are answered for; none: any
    std::function<Timestamp()> now;
    metrics::Registry* metrics = nullptr;  // counts api_requests_total; outlives the endpoint
  };
  Endpoint(Options options, TrailApi trails) : options_(std::move(options)), trails_(std::move(trails)) {}

  http::Response answer(const http::PostedRequest& request);

  /// From now on these. Not while it answers.
  void set_keys(std::vector<AccessKey> keys) { options_.keys = std::move(keys); }

 private:
  struct Answer;
  Answer decide(const http::PostedRequest& request) const;

  Options options_;
  TrailApi trails_;
  std::atomic<std::uint64_t> answered_ = 0;  // for request ids that differ
};

}  // namespace trailwarden::api
