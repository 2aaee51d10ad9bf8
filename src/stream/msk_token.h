#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "aws/credentials.h"
#include "core/time.h"

namespace trailwarden::stream {

/// What Amazon MSK with IAM takes for an OAUTHBEARER token, valid for 15 minutes.
/// Source: aws-msk-iam-sasl-signer: the URL that connects to the cluster, signed by its query, in base64url without padding.
struct MskToken {
  std::string text;
  std::chrono::sys_time<std::chrono::milliseconds> expires;
};
MskToken msk_token(std::string_view region, const aws::Credentials& credentials, Timestamp now);

}  // namespace trailwarden::stream
