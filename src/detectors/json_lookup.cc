#include "detectors/json_lookup.h"

namespace trailwarden::detectors {

const json& member(const json& object, std::initializer_list<const char*> names) {
  static const json kNothing;
  if (!object.is_object()) return kNothing;
  for (const char* name : names)
    if (const auto found = object.find(name); found != object.end()) return *found;
  return kNothing;
}

std::string text_of(const json& object, std::initializer_list<const char*> names) {
  const json& value = member(object, names);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return std::to_string(value.get<std::int64_t>());
  return {};
}

std::optional<bool> flag_of(const json& object, std::initializer_list<const char*> names) {
  const json& value = member(object, names);
  return value.is_boolean() ? std::optional(value.get<bool>()) : std::nullopt;
}

std::vector<const json*> items_of(const json& list) {
  std::vector<const json*> out;
  const json& items = member(list, {"items"});
  const json& inner = items.is_null() ? list : items;
  if (inner.is_array())
    for (const json& item : inner) out.push_back(&item);
  else if (!inner.is_null() && !inner.is_discarded() && !inner.empty())
    out.push_back(&inner);
  return out;
}

}  // namespace trailwarden::detectors
