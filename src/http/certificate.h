#pragma once

#include <string_view>

#include "core/result.h"
#include "core/time.h"

namespace trailwarden::http {

/// When the first of these certificates (PEM, one or several) expires. kMalformed if there is none, or what stands there is none.
Result<Timestamp> first_to_expire(std::string_view pem);

}  // namespace trailwarden::http
