#include <cstdint>
#include <cstdlib>
#include <string>

#include "event/decoder.h"
#include "testing/slow_decode.h"

// The decoder against the plain reading of nlohmann/json: they agree on what is a record and on what it says.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trailwarden;
  using event::Refusal;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string text = testing::padded(input);
  event::Decoder decoder;
  event::Arena arena;
  event::CloudTrailEvent fast;
  const Refusal refusal = decoder.decode(std::string_view(text).substr(0, size), arena, fast);
  const bool is_object = refusal != Refusal::kNotJson && refusal != Refusal::kTruncated && refusal != Refusal::kInvalidUtf8 &&
                         refusal != Refusal::kTooDeep && refusal != Refusal::kNotAnObject;
  const auto slow = testing::decode_slowly(input);
  if (is_object != slow.has_value()) std::abort();
  if (!slow || refusal == Refusal::kTooLarge) return 0;
  if (refusal != slow->verdict) std::abort();
  if (refusal == Refusal::kNone && testing::describe(fast) != testing::describe(slow->event)) std::abort();
  return 0;
}
