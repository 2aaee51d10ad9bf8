#pragma once

#include <string>
#include <string_view>

namespace trailwarden::rules {

/// Whether a CloudTrail record may have a value at `path`, or below it: its own members and those of `userIdentity`, `resources`, `tlsDetails` and the like are
/// fixed; below `requestParameters`, `responseElements` and what else belongs to each service, anything may be. Aggregated events have another form and are left out.
/// Source: AWS, "CloudTrail record contents" and "CloudTrail userIdentity element", eventVersion 1.11.
bool is_record_path(std::string_view path);

/// What to write in place of a path that no record has: `, did you mean "..."?`, another hint, or nothing.
std::string record_path_hint(std::string_view path);

}  // namespace trailwarden::rules
