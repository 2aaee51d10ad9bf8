// What anybody who may write to a queue may put there: a notice names whole objects or is refused with a reason, and nothing else happens.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ingest/s3_notice.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trailwarden;
  const auto notice = ingest::parse_s3_notice({reinterpret_cast<const char*>(data), size});
  if (!notice) {
    if (notice.error().code != ErrorCode::kMalformed || notice.error().message.empty() || notice.error().message.size() > 1000) std::abort();
    return 0;
  }
  for (const ingest::NoticedObject& object : notice->objects) {
    if (object.bucket.empty() || object.key.empty()) std::abort();
    // It becomes a part of a host's name.
    if (!std::ranges::all_of(object.region, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; })) std::abort();
  }
  return 0;
}
