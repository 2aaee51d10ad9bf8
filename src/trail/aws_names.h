#pragma once

#include <string>
#include <string_view>

namespace trailwarden::trail {

// The rules that AWS has for names. What a name breaks is told as half a sentence that follows the name; empty: nothing.

/// Twelve digits.
bool is_account_id(std::string_view text);
/// `eu-west-1`, `us-gov-east-1`: lower-case words and a number at the end, with `-` between.
bool is_region(std::string_view text);
/// `o-` and 10 to 32 lower-case letters and digits.
bool is_organization_id(std::string_view text);

/// 3 to 128 letters, digits and single `.`, `_`, `-` between them; no IPv4 address.
std::string problem_with_trail_name(std::string_view name);
/// Of a general purpose bucket: 3 to 63 lower-case letters, digits, `-` and single `.`; no IPv4 address, and none of the beginnings and ends that S3 keeps to itself.
/// Source: Amazon S3 user guide, "General purpose bucket naming rules".
std::string problem_with_bucket_name(std::string_view name);
/// What is before `AWSLogs/` in keys, without the `/` behind it: at most 200 characters that are safe in keys, URLs and folders.
std::string problem_with_prefix(std::string_view prefix);

}  // namespace trailwarden::trail
