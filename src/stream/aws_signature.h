#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/time.h"

namespace trailwarden::stream {

/// What AWS knows a caller by.
struct AwsCredentials {
  std::string access_key_id, secret_access_key, session_token;  // session_token: empty for long-lived keys
};

/// From AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, else from the profile AWS_PROFILE ("default") of AWS_SHARED_CREDENTIALS_FILE
/// (~/.aws/credentials). kNotFound with both places. Roles of instances and of service accounts are not asked for.
Result<AwsCredentials> find_aws_credentials();

/// One GET request to be signed by its query.
struct PresignedRequest {
  std::string host, path = "/";
  std::map<std::string, std::string> query;  // not encoded
  std::string region, service, payload_hash;
  std::chrono::seconds expires{900};
};

/// Its URL with X-Amz-Signature last. Source: AWS Signature Version 4, "Authenticating requests: using query parameters".
std::string presign(const PresignedRequest& request, const AwsCredentials& credentials, Timestamp now);

/// What Amazon MSK with IAM takes for an OAUTHBEARER token, valid for 15 minutes.
/// Source: aws-msk-iam-sasl-signer: the URL that connects to the cluster, signed by its query, in base64url without padding.
struct MskToken {
  std::string text;
  std::chrono::sys_time<std::chrono::milliseconds> expires;
};
MskToken msk_token(std::string_view region, const AwsCredentials& credentials, Timestamp now);

}  // namespace trailwarden::stream
