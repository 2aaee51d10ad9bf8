#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "trail/selectors_json.h"

// Any bytes as a request with event selectors: what is taken is written so that it is taken as the same, and can be judged by.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trailwarden::trail;
  const auto selectors = parse_event_selectors(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!selectors) {
    if (selectors.error().message.empty()) std::abort();
    return 0;
  }
  const auto again = parse_event_selectors(to_json(*selectors));
  if (!again || *again != *selectors) std::abort();
  trailwarden::event::CloudTrailEvent event;
  event.resources = R"([{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::b/o"}])";
  for (const auto category : {trailwarden::event::EventCategory::kManagement, trailwarden::event::EventCategory::kData, trailwarden::event::EventCategory::kNetworkActivity}) {
    event.category = category;
    if (EventSelection(*selectors).keeps(event) != EventSelection(*again).keeps(event)) std::abort();
  }
  return 0;
}
