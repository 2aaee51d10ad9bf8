// What an S3 server, or whatever stands between, may answer: its XML never gives half an object, and an error's message stays one line of bounded length.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "trail/s3_faults.h"
#include "trail/s3_xml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trailwarden;
  using namespace trailwarden::trail;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto page = parse_list_page(text);
  if (page && page->is_truncated && page->next_token.empty()) std::abort();
  if (page && std::ranges::any_of(page->objects, [](const ListedObject& object) { return object.key.empty(); })) std::abort();
  if (!page && page.error().code != ErrorCode::kMalformed) std::abort();

  const auto error = parse_s3_error(text);
  if (error && error->code.empty()) std::abort();
  const S3Attempt attempt{"put s3://b/k", "b", "eu-west-1", "the environment", "2026-01-02T03:04:05Z"};
  for (const int status : {200, 301, 400, 401, 403, 404, 409, 500, 503}) {
    const StoreError fault = s3_fault({.status = status, .headers = {{"x-amz-request-id", "1"}}, .body = std::string(text)}, attempt);
    const bool may_pass = fault.fault == StoreFault::kNotFound || fault.fault == StoreFault::kImpossible;
    if ((status == 401 || status == 403) && may_pass) std::abort();
    if (fault.code.empty() || fault.message.size() > 2000) std::abort();
    if (std::ranges::any_of(fault.message, [](char c) { return c == '\n' || c == '\x1b'; })) std::abort();
  }
  return 0;
}
