#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "event/cloudtrail_event.h"

namespace trailwarden::detectors {

/// Parts that the sentences of all detectors share. What comes from a record is made printable.

/// "user alice", "role Deploy (session ci-7)", "root".
std::string who(const event::CloudTrailEvent& event);

/// "in eu-west-1 of account 111111111111, from 203.0.113.7"; "through" for a service that made the call.
std::string where_and_whence(const event::CloudTrailEvent& event);

/// The error as the record has it: its code, else its message.
std::string error_of(const event::CloudTrailEvent& event);

/// "a", "a and b", "a, b and c"; beyond `most`: "a, b and 7 more". Another separator stands between all: "a; b; c".
std::string enumerate(const std::vector<std::string>& parts, std::size_t most = 5, std::string_view separator = ", ");

/// "1 call", "12 calls": `noun` with an s unless there is one of it.
std::string counted(std::uint64_t count, std::string_view noun);

}  // namespace trailwarden::detectors
