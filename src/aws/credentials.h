#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"

namespace trailwarden::aws {

/// What AWS knows a caller by. The secret is never written anywhere.
struct Credentials {
  std::string access_key_id, secret_access_key;
  std::string session_token;         // empty for long-lived keys
  std::optional<Timestamp> expires;  // nullopt: nobody said when
  std::string source;                // for people: "the environment", "profile audit of /home/x/.aws/credentials"
  std::string_view kind = {};        // of it, as `CredentialChain` found it: environment, web_identity, profile, container, instance
};

}  // namespace trailwarden::aws
