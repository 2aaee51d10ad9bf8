#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace trailwarden::detectors {

/// Looks into the parameters of the rare records that detectors take apart. Nothing here throws: what is missing or of another
/// type is absent. Members are asked for under every spelling that records have (`groupId`, `GroupId`). For .cc files only.

using nlohmann::json;

/// Invalid or absent text gives a discarded value, in which nothing is found.
inline json parse_json(std::string_view text) { return json::parse(text, nullptr, false); }

/// The first member there is of `names`; null if there is none.
const json& member(const json& object, std::initializer_list<const char*> names);

/// The text of a string member, or of a whole number; empty if absent.
std::string text_of(const json& object, std::initializer_list<const char*> names);

/// nullopt if absent or no boolean.
std::optional<bool> flag_of(const json& object, std::initializer_list<const char*> names);

/// The elements of a list, whether written `[...]`, as `{"items": [...]}` or as its only element.
std::vector<const json*> items_of(const json& list);

}  // namespace trailwarden::detectors
