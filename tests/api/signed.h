#pragma once

#include <string>
#include <string_view>

#include "aws/signature.h"
#include "core/hash.h"
#include "http/pages.h"

namespace trailwarden::testing {

/// What a request is like that a client with credentials sends.
struct Signing {
  std::string key = "TRAILWARDENAUDITOR", secret = "a secret of somebody";
  std::string region = "eu-west-1", service = "cloudtrail";
  std::string token = {};
};

inline http::PostedRequest signed_request(std::string_view operation, std::string_view body, Timestamp at, const Signing& signing = {}) {
  aws::SignableRequest request{.method = "POST", .path = "/", .query = "", .headers = {{"Host", "trail.example.com:9464"}, {"Content-Type", "application/x-amz-json-1.1"}}, .payload_hash = sha256_hex(body)};
  request.headers.emplace_back("X-Amz-Target", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101." + std::string(operation));
  aws::sign(request, {signing.region, signing.service}, {.access_key_id = signing.key, .secret_access_key = signing.secret, .session_token = signing.token}, at);
  return {"/", request.headers, std::string(body)};
}

}  // namespace trailwarden::testing
