#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/cloudtrail_event.h"
#include "event/decoder.h"

namespace trailwarden::testing {

/// Owns an event's text and, where it was unescaped, its strings.
struct OwnedEvent {
  std::string text;  // padded
  event::Arena arena;
  event::CloudTrailEvent event;
};

/// What the plain reading of a record gives, by nlohmann/json: the oracle for the decoder. nullopt: not one JSON object at most
/// Decoder::kMaxDepth deep.
struct SlowRecord {
  event::Refusal verdict = event::Refusal::kNone;
  event::CloudTrailEvent event;  // views into `storage`
  std::vector<std::unique_ptr<std::string>> storage;
};
std::optional<SlowRecord> decode_slowly(std::string_view text);

/// The members that both readings must agree on, as text, for comparison and for messages.
std::string describe(const event::CloudTrailEvent& event);

/// `text` with the padding that the decoder needs; the returned string's view of the first `text.size()` bytes is the text.
std::string padded(std::string_view text);

}  // namespace trailwarden::testing
