#include "api/caller.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "api/headers.h"
#include "aws/signature.h"
#include "core/hash.h"
#include "core/text.h"
#include "trail/aws_names.h"

namespace trailwarden::api {
namespace {

constexpr std::string_view kService = "cloudtrail";

aws::SignableRequest signable(const http::PostedRequest& request) {
  const std::size_t mark = request.target.find('?');
  const std::string query = mark == std::string::npos ? "" : request.target.substr(mark + 1);
  return {.method = "POST", .path = request.target.substr(0, mark), .query = query, .headers = request.headers, .payload_hash = sha256_hex(request.body)};
}

bool is_served(const std::string& region, std::span<const std::string> regions) {
  return regions.empty() ? trail::is_region(region) : std::ranges::find(regions, region) != regions.end();
}

}  // namespace

tl::expected<Caller, Refusal> authenticate(const http::PostedRequest& request, std::span<const AccessKey> keys, std::span<const std::string> regions, Timestamp now) {
  if (count_of(request.headers, "authorization") == 0) return refuse("MissingAuthenticationTokenException", "the request is not signed: it has no header Authorization");
  if (count_of(request.headers, "authorization") > 1) return refuse("IncompleteSignatureException", "the request has several headers Authorization");
  auto authorization = aws::parse_authorization(*value_of(request.headers, "authorization"));
  if (!authorization) return refuse("IncompleteSignatureException", printable(authorization.error().message));

  const auto key = std::ranges::find(keys, authorization->access_key_id, &AccessKey::id);
  const bool is_temporary = count_of(request.headers, "x-amz-security-token") > 0;  // such credentials are AWS's, never ours
  if (key == keys.end() || is_temporary) return refuse("UnrecognizedClientException", "the access key or security token of the request is not known here");
  if (authorization->target.service != kService)
    return refuse("InvalidSignatureException", fmt::format("the request is signed for the service \"{}\", and this is {}", printable(authorization->target.service), kService));
  if (!is_served(authorization->target.region, regions))
    return refuse("InvalidSignatureException", fmt::format("the request is signed for \"{}\", which is no Region that is answered for here", printable(authorization->target.region)));

  switch (aws::verify(signable(request), *authorization, key->secret, now)) {
    case aws::Verdict::kValid: return Caller{key->account, authorization->target.region};
    case aws::Verdict::kIncomplete: return refuse("IncompleteSignatureException", "the signature needs X-Amz-Date of the day in its scope, and has to cover Host and every header X-Amz-");
    case aws::Verdict::kSkewed: return refuse("InvalidSignatureException", fmt::format("the request was signed more than 15 minutes from {}, which it is here: one of the two clocks is wrong", format_time(now)));
    case aws::Verdict::kMismatch: break;
  }
  return refuse("InvalidSignatureException", "the signature is not that of this request: another secret access key, or something on the way has changed the request (its Host, for example)");
}

}  // namespace trailwarden::api
