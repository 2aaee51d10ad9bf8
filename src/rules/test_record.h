#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace trailwarden::rules {

/// A record for a test of a rule: `members`, a JSON object, with what every record has where it is absent (docs/rules.md, "Tests"): eventVersion, eventTime,
/// eventID, eventType, eventSource, eventName, awsRegion, recipientAccountId, sourceIPAddress, userAgent and a userIdentity, which is completed as well.
/// kMalformed if it is no JSON object. `number` makes its eventID, `seconds` its eventTime since 2026-01-05T09:00:00Z.
Result<std::string> complete_record(std::string_view members, std::size_t number, std::int64_t seconds);

}  // namespace trailwarden::rules
