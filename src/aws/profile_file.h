#pragma once

#include <map>
#include <string>
#include <string_view>

namespace trailwarden::aws {

/// Settings of one profile: `aws_access_key_id`, `role_arn`, ... Names in lower case.
using Profile = std::map<std::string, std::string, std::less<>>;
using Profiles = std::map<std::string, Profile, std::less<>>;

/// The profiles of `~/.aws/credentials` ([NAME]) or `~/.aws/config` ([profile NAME], [default]). Lines that begin with `#` or `;` are comments, and so is
/// what stands behind a space and one of them; indented lines belong to a setting of several lines, which we have no use for; lines without `=` are
/// passed over. A setting that is there twice has the last value. Sections of other kinds ([sso-session NAME]) are left out.
/// Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
Profiles parse_profiles(std::string_view text);

}  // namespace trailwarden::aws
