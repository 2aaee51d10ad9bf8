#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "generate/account.h"
#include "generate/call.h"

namespace trailwarden::generate {

enum class IncidentKind : std::uint8_t { kBurst, kSustained, kErrorStorm, kSilence, kRootUse, kTrailDeletion, kOpenedGroup, kIamBurst };
std::string_view to_string(IncidentKind kind);

enum class Strength : std::uint8_t { kWeak, kMedium, kStrong };
std::string_view to_string(Strength strength);

/// Something that does not belong into the traffic and is planted there: what a detector should find.
struct Incident {
  IncidentKind kind = IncidentKind::kBurst;
  Strength strength = Strength::kStrong;
  std::uint16_t account = 0, region = 0;
  std::uint16_t api = 0;
  bool any_api = false;  // the calls are of several APIs of the same service
  bool failing = false;  // what counts are the failed calls
  std::uint16_t principal = 0;
  Timestamp start{}, end{};   // event times of the first and the last call; of a silence its bounds, the end not within
  std::vector<Call> calls;    // by time
  std::uint64_t missing = 0;  // of a silence: calls that it swallowed
  std::string note;

  /// Whether it swallows this ordinary call.
  bool swallows(const Call& call) const;
};

/// One line of labels.jsonl, without the line's end. `number`: its place among all, from 1.
std::string label_of(const Incident& incident, std::span<const Account> accounts, std::size_t number);

}  // namespace trailwarden::generate
