#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "event/finding.h"

namespace trailwarden::rules {

/// The techniques of MITRE ATT&CK v18 that concern cloud accounts, by id. Source: https://attack.mitre.org/versions/v18/matrices/enterprise/cloud/.
std::span<const event::AttackTechnique> attack_techniques();

/// The one with that id; of a sub-technique that is not listed, its technique.
std::optional<event::AttackTechnique> attack_technique(std::string_view id);

}  // namespace trailwarden::rules
