#pragma once

#include <string>

#include "rules/yaml_tree.h"

namespace trailwarden::rules {

/// A YAML value as JSON text. Every value stands as many lines below the first as in its file, and not before its column there, so that a place in the text says
/// where in the file it is; values that came in by an alias stand where the text happens to be. Numbers that JSON does not have (0x1F, .inf) become texts.
std::string to_json(const YamlNode& node);

}  // namespace trailwarden::rules
