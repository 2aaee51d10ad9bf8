#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/time.h"

#ifndef TRAILWARDEN_SHARED_DIR
#define TRAILWARDEN_SHARED_DIR "../shared"
#endif

namespace trailwarden::detectors::testing {

/// Events whose outcome somebody else has written down. Kept outside the repository: whoever reads them asks `has_labelled_events` first.
inline const std::filesystem::path kLabelled = std::filesystem::path(TRAILWARDEN_SHARED_DIR) / "data" / "labelled";
inline bool has_labelled_events() { return std::filesystem::exists(kLabelled); }

/// One of them. Several of one case stand together, in their order.
struct LabelledEvent {
  std::string label_case;                // "panther/RULE#TEST", "sentry/events/FILE", ...
  nlohmann::json record;                 // as published
  std::optional<bool> must_fire;         // what the label says of `their_rules`; nullopt: it says something else
  std::vector<std::string> their_rules;  // "panther/RULE", ...; none, where all of them must be silent
};

/// Trimmed test records lack what every real one has.
inline std::string completed(nlohmann::json record, const std::string& id) {
  const std::string time = record.value("eventTime", "");
  const bool is_spaced = time.size() >= 19 && time[10] == ' ';
  if (is_spaced) record["eventTime"] = time.substr(0, 10) + "T" + time.substr(11, 8) + "Z";
  else if (!parse_event_time(time)) record["eventTime"] = "2024-05-01T12:00:00Z";
  record["eventID"] = id;
  if (!record.contains("eventSource") || record["eventSource"] == "...") record["eventSource"] = "unknown.amazonaws.com";
  if (!record.contains("eventName")) record["eventName"] = "Unknown";
  if (record.value("sourceIPAddress", "") == "...") record["sourceIPAddress"] = "192.0.2.1";
  for (const char* flag : {"readOnly", "managementEvent"})  // a YAML reader made texts of some
    if (record.contains(flag) && record[flag].is_string()) record[flag] = record[flag] == "True" || record[flag] == "true";
  return record.dump();
}

/// All of them.
class LabelledEvents {
 public:
  LabelledEvents() {
    panther();
    scenario();
    streamalert();
    for (const nlohmann::json& test : lines("traildiscover/cases.jsonl")) add("traildiscover/" + test["case"].get<std::string>(), test["event"], std::nullopt, {});
    for (const char* const folder : {"sentry", "stratus"}) files(folder);
  }

  const std::vector<LabelledEvent>& list() const { return events_; }

 private:
  using json = nlohmann::json;
  using Label = std::pair<std::optional<bool>, std::vector<std::string>>;  // must_fire, their_rules

  static std::vector<json> lines(const char* file) {
    std::vector<json> out;
    std::ifstream in(kLabelled / file);
    for (std::string line; std::getline(in, line);) out.push_back(json::parse(line));
    return out;
  }

  void add(std::string label_case, json record, std::optional<bool> must_fire, std::vector<std::string> rules) {
    events_.push_back({std::move(label_case), std::move(record), must_fire, std::move(rules)});
  }

  void panther() {
    for (const json& test : lines("panther/cases.jsonl")) {
      const std::string rule = "panther/" + test["rule_id"].get<std::string>();
      add(rule + "#" + test["test"].get<std::string>(), test["event"], test["expected"].get<bool>(), {rule});
    }
  }

  void scenario() {
    int number = 0;
    for (const json& test : lines("panther-scenario/cases.jsonl")) add("panther-scenario/" + test["role"].get<std::string>() + "#" + std::to_string(number++), test["event"], std::nullopt, {});
  }

  void streamalert() {
    for (const json& test : lines("streamalert/cases.jsonl")) {
      const std::string name = test["case"];
      std::vector<std::string> rules;
      for (const json& rule : test["trigger_rules"]) rules.push_back("streamalert/" + rule.get<std::string>());
      const bool must_fire = !rules.empty();
      if (!must_fire) rules.push_back("streamalert/" + name.substr(0, name.find('#')));
      const json& data = test["data"];
      for (const json& record : data.contains("Records") ? data["Records"] : json::array({data.value("detail", json::object())})) add("streamalert/" + name, record, must_fire, rules);
    }
  }

  /// Files of records. Of sentry's `labels.jsonl` says what is expected; stratus has a file a technique, each an attack.
  void files(const char* folder) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kLabelled / folder))
      if (entry.path().extension() == ".json") paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const std::filesystem::path& path : paths) {
      const std::filesystem::path relative = std::filesystem::relative(path, kLabelled);
      const std::string name = std::filesystem::path(relative).replace_extension().string();
      const auto [must_fire, rules] = relative.string().starts_with("stratus/") ? Label{true, {name}} : label_of(relative.string());
      std::ifstream in(path);
      const json content = json::parse(in);
      for (const json& record : content.is_object() ? content["Records"] : content) add(name, record, must_fire, rules);
    }
  }

  static Label label_of(const std::string& label_case) {
    for (const json& label : lines("labels.jsonl")) {
      if (label["case"] != label_case || !label["labels"].contains("must_fire")) continue;
      std::vector<std::string> rules;
      for (const json& rule : label["labels"]["must_fire"]) rules.push_back("sentry/" + rule.get<std::string>());
      return {!rules.empty(), rules};
    }
    return {};
  }

  std::vector<LabelledEvent> events_;
};

}  // namespace trailwarden::detectors::testing
