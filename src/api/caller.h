#pragma once

#include <span>
#include <string>
#include <vector>

#include "api/refusal.h"
#include "core/time.h"
#include "http/pages.h"

namespace trailwarden::api {

/// Somebody may ask with it for the trails of an account.
struct AccessKey {
  std::string id, secret, account;
};

/// Who asks, and in which Region: there is one endpoint for all of them, so a request's Region is that of its signature.
struct Caller {
  std::string account, region;
};

/// Who signed this request (AWS Signature Version 4, service `cloudtrail`), within 15 minutes of `now`, for one of `regions`; none: for any. The first thing that is wrong, as
/// AWS's services call it: MissingAuthenticationTokenException, IncompleteSignatureException, UnrecognizedClientException, InvalidSignatureException.
/// Compares in constant time. Cost: SHA-256 of the body and some HMACs, 20 us.
tl::expected<Caller, Refusal> authenticate(const http::PostedRequest& request, std::span<const AccessKey> keys, std::span<const std::string> regions, Timestamp now);

}  // namespace trailwarden::api
