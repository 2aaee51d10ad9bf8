#include "config/flat_yaml.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

namespace trailwarden::config {
namespace {

std::string on_one_line(const YAML::Node& node) {
  YAML::Emitter out;
  out.SetSeqFormat(YAML::Flow);
  out.SetMapFormat(YAML::Flow);
  out << node;
  std::string text = out.c_str();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// What an entry of a list is called.
std::string name_of(const YAML::Node& entry) {
  static constexpr std::array kNames{"name", "id", "rule", "topic", "principal", "queue_url", "field"};
  static constexpr std::array kGlobs{"account", "region", "event_source", "event_name"};
  for (const char* const key : kNames)
    if (entry[key] && entry[key].IsScalar()) return entry[key].Scalar();
  std::vector<std::string> globs;
  for (const char* const key : kGlobs)
    if (entry[key] && entry[key].IsScalar() && !entry[key].Scalar().empty()) globs.push_back(fmt::format("{}={}", key, entry[key].Scalar()));
  return globs.empty() ? "*" : fmt::format("{}", fmt::join(globs, " "));
}

void add(const YAML::Node& node, const std::string& key, std::vector<FlatValue>& out);

void add_entries(const YAML::Node& list, const std::string& key, std::vector<FlatValue>& out) {
  std::vector<std::string> names;
  for (const YAML::Node& entry : list) {
    const std::string name = name_of(entry);
    const auto same = std::count(names.begin(), names.end(), name);
    names.push_back(name);
    add(entry, fmt::format("{}[{}{}]", key, name, same == 0 ? "" : fmt::format(" #{}", same + 1)), out);
  }
  out.push_back({key, fmt::format("[{}]", fmt::join(names, ", "))});
}

void add(const YAML::Node& node, const std::string& key, std::vector<FlatValue>& out) {
  if (node.IsMap() && node.size() > 0) {
    for (const auto& member : node) add(member.second, key.empty() ? member.first.Scalar() : key + "." + member.first.Scalar(), out);
  } else if (node.IsSequence() && node.size() > 0 && std::all_of(node.begin(), node.end(), [](const YAML::Node& entry) { return entry.IsMap(); })) {
    add_entries(node, key, out);
  } else {
    out.push_back({key, on_one_line(node)});
  }
}

}  // namespace

std::vector<FlatValue> flat_yaml(std::string_view text) try {
  std::vector<FlatValue> out;
  if (const YAML::Node top = YAML::Load(std::string(text)); top.IsMap()) add(top, "", out);
  return out;
} catch (const YAML::Exception&) {
  return {};
}

}  // namespace trailwarden::config
