#include "alerts/object_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace trailwarden::alerts {

std::string json_text(std::string_view text) {
  using nlohmann::json;
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

ObjectText& ObjectText::raw(std::string_view name, std::string_view json) {
  text_.append(text_.size() > 1 ? ",\"" : "\"").append(name).append("\":").append(json);
  return *this;
}
ObjectText& ObjectText::text(std::string_view name, std::string_view value) { return raw(name, json_text(value)); }
ObjectText& ObjectText::number(std::string_view name, std::int64_t value) { return raw(name, std::to_string(value)); }
ObjectText& ObjectText::number(std::string_view name, double value) { return raw(name, fmt::format("{:.6g}", value)); }
ObjectText& ObjectText::flag(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }

ArrayText& ArrayText::add(std::string_view json) {
  text_.append(text_.size() > 1 ? "," : "").append(json);
  return *this;
}

}  // namespace trailwarden::alerts
