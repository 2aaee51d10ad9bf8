#pragma once

#include <string>

#include "notify/message.h"

namespace trailwarden::notify {

/// A message as OCSF Detection Findings (class_uid 2004, version 1.3.0, profile `cloud`): one object for one alert or a digest, an array for several.
/// Source: schema.ocsf.io, class `detection_finding`.
std::string ocsf_body(const MessageView& view);

}  // namespace trailwarden::notify
