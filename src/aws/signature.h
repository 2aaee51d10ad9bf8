#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/credentials.h"
#include "core/result.h"
#include "core/time.h"

// AWS Signature Version 4, for requests we send and requests we are sent.
// Source: AWS, "Create a signed AWS API request"; Amazon S3 API reference, "Authenticating requests". The tests hold aws-c-auth's vectors.

namespace trailwarden::aws {

using Headers = std::vector<std::pair<std::string, std::string>>;  // in the order they are sent; names in any case

/// Which service of which Region a signature is for.
struct Target {
  std::string region, service;
};

/// What of an HTTP request is signed.
struct SignableRequest {
  std::string method = "GET";
  std::string path = "/";  // as it is sent: percent-encoded
  std::string query;       // as it is sent, without the `?`
  Headers headers;         // Host among them
  std::string payload_hash;  // hexadecimal SHA-256 of the body, or a word such as UNSIGNED-PAYLOAD
};

/// Adds `X-Amz-Date`, `X-Amz-Security-Token` if there is one, and `Authorization`, which signs all headers that are there by then.
/// S3 wants `x-amz-content-sha256` to be one of them. Cost: about 10 us and SHA-256 of a few hundred bytes.
void sign(SignableRequest& request, const Target& target, const Credentials& credentials, Timestamp now);

/// The parts of an `Authorization` header: `AWS4-HMAC-SHA256 Credential=KEY/DAY/REGION/SERVICE/aws4_request, SignedHeaders=a;b, Signature=HEX`.
struct Authorization {
  std::string access_key_id;
  std::string day;  // YYYYMMDD
  Target target;
  std::vector<std::string> signed_headers;  // lower case, in order
  std::string signature;                    // 64 hexadecimal digits
};
/// kMalformed unless it has this form.
Result<Authorization> parse_authorization(std::string_view header);

enum class Verdict : std::uint8_t {
  kValid,
  kIncomplete,  // without a date, of another day than its scope says, or Host or an `X-Amz-` header is not signed
  kSkewed,      // its date is more than 15 minutes from now
  kMismatch,    // signed with another secret, or changed on the way
};

/// Whether whoever has `secret` signed this request about now. That the body has the hash `payload_hash`, and which service and Region it is for, is
/// for the caller to check. Compares in constant time.
Verdict verify(const SignableRequest& request, const Authorization& authorization, std::string_view secret, Timestamp now);

/// One GET request to be signed by its query.
struct PresignedRequest {
  std::string host, path = "/";
  std::map<std::string, std::string> query;  // not encoded
  Target target;
  std::string payload_hash;
  std::chrono::seconds expires{900};
};

/// Its URL with X-Amz-Signature last. Source: "Authenticating requests: using query parameters".
std::string presign(const PresignedRequest& request, const Credentials& credentials, Timestamp now);

// ---- The steps, for those who have to say where a signature went wrong.

/// `signed_headers` in lower case and order.
std::string canonical_request(const SignableRequest& request, const std::vector<std::string>& signed_headers, std::string_view service);
/// `time` as 20150830T123600Z.
std::string string_to_sign(std::string_view time, const Target& target, std::string_view canonical);
std::string signature(std::string_view secret, std::string_view time, const Target& target, std::string_view to_sign);

/// `20130524T000000Z`
std::string basic_time(Timestamp time);
/// nullopt for any other form.
std::optional<Timestamp> parse_basic_time(std::string_view text);

}  // namespace trailwarden::aws
