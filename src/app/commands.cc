#include "app/commands.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "alerts/envelope.h"
#include "app/chart.h"
#include "app/scope_use.h"
#include "app/setup.h"
#include "app/state_report.h"
#include "core/text.h"
#include "detectors/registry.h"
#include "detectors/silence.h"
#include "pipeline/state_file.h"

namespace trailwarden::app {
namespace {

int complain_of_config(const Error& error) {
  fmt::print(stderr, "{}\n", error.message);
  return kWrongUsage;
}

nlohmann::ordered_json option_json(const detectors::OptionInfo& option) {
  return {{"name", option.name}, {"type", option.type}, {"unit", option.unit}, {"default", option.default_value}, {"claim", option.claim}};
}

/// Whether its options stand in `detectors:`, with those that all of these have.
bool is_registered(const detectors::DetectorInfo& info) { return &info != &detectors::Silence::info(); }

nlohmann::ordered_json detector_json(const detectors::DetectorInfo& info) {
  nlohmann::ordered_json out{{"name", info.name}, {"claim", info.claim}, {"needs", info.needs}};
  if (is_registered(info))
    for (const auto& option : detectors::common_options()) out["options"].push_back(option_json(option));
  for (const auto& option : info.options) out["options"].push_back(option_json(option));
  for (const std::string_view spot : info.blind_spots) out["blindSpots"].push_back(spot);
  out["source"] = info.source;
  return out;
}

void print_option(const detectors::OptionInfo& option) {
  const std::string type = fmt::format("{}{}{}", option.type, option.unit.empty() ? "" : ", ", option.unit);
  fmt::print("      {}: {}   # {}; {}\n", option.name, option.default_value, type, option.claim);
}

void print_detector(const detectors::DetectorInfo& info) {
  fmt::print("{}\n  {}\n  needs: {}\n  options, with their defaults:\n", info.name, info.claim, info.needs);
  if (is_registered(info))
    for (const auto& option : detectors::common_options()) print_option(option);
  for (const auto& option : info.options) print_option(option);
  fmt::print("  does not see:\n");
  for (const std::string_view spot : info.blind_spots) fmt::print("    - {}\n", spot);
  fmt::print("  source: {}\n\n", info.source);
}

struct ShownAlert {
  std::string detector;
  int severity = 0;
  std::string line;
};

/// Reads the alerts of a file; lines that are none are an error with their number.
Result<std::vector<ShownAlert>> read_alerts(std::istream& in) {
  static const std::map<std::string, int> kSeverity{{"informational", 0}, {"low", 1}, {"medium", 2}, {"high", 3}, {"critical", 4}};
  std::vector<ShownAlert> alerts;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    const auto alert = nlohmann::json::parse(line, nullptr, false);
    const char* const about = alert.is_object() && alert.contains("trailwarden") ? "trailwarden" : "detail";  // an Insight's detail is CloudTrail's
    const auto is_text = [&](const char* name) { return alert[about].contains(name) && alert[about][name].is_string(); };
    if (!alert.is_object() || !alert.contains(about) || !alert[about].is_object() || !is_text("detector") || !is_text("severity"))
      return fail(ErrorCode::kMalformed, fmt::format("line {}: not an alert; this reads what `trailwarden replay --alerts FILE` wrote", number));
    const auto& detail = alert[about];
    const auto severity = kSeverity.find(detail.value("severity", ""));
    alerts.push_back({detail.value("detector", ""), severity == kSeverity.end() ? 0 : severity->second, line});
  }
  return alerts;
}

/// The most severe of each detector first, then the next of each, and so on.
std::vector<ShownAlert> pick(std::vector<ShownAlert> alerts, std::size_t limit) {
  std::stable_sort(alerts.begin(), alerts.end(), [](const ShownAlert& a, const ShownAlert& b) { return a.severity > b.severity; });
  std::map<std::string, int> rank_in_detector;
  std::vector<std::pair<int, const ShownAlert*>> ranked;
  for (const ShownAlert& alert : alerts) ranked.emplace_back(rank_in_detector[alert.detector]++, &alert);
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<ShownAlert> picked;
  for (std::size_t i = 0; i < std::min(limit, ranked.size()); ++i) picked.push_back(*ranked[i].second);
  return picked;
}

/// Holds the scopes of a configuration against the series of a state file.
int check_scopes(const Setup& setup, const std::string& file) {
  const auto cells = pipeline::read_state_file(file);
  if (!cells) return complain(cells.error(), kFailed);
  const pipeline::CellSettings settings = roomy_settings(setup);
  std::vector<KnownSeries> series;
  for (const pipeline::SavedCell& saved : *cells) {
    const auto cell = load_cell(settings, saved);
    if (!cell) return complain(Error(cell.error()).during(file), kFailed);
    add_series(**cell, series);
  }
  const auto& scopes = setup.insights.scopes;
  const auto uses = use_of_scopes(scopes, series);
  std::size_t taken = 0, idle = 0;
  fmt::print("{}: {} cells, {} series\n", file, cells->size(), with_commas(series.size()));
  for (std::size_t i = 0; i < uses.size(); ++i) {
    fmt::print("{:>8} series  {}  {}\n", with_commas(uses[i].taken), scopes[i].place, scope_in_words(scopes[i]));
    taken += uses[i].taken;
    idle += uses[i].problem.empty() ? 0 : 1;
  }
  fmt::print("{:>8} series  {}\n", with_commas(series.size() - taken), scopes.empty() ? "and no scopes" : "in none of them");
  std::fflush(stdout);
  for (std::size_t i = 0; i < uses.size(); ++i)
    if (!uses[i].problem.empty()) fmt::print(stderr, "{}: insights.scopes[{}] {}\n", scopes[i].place, i, uses[i].problem);
  return idle == 0 ? kFine : kFailed;
}

}  // namespace

int check_config(const std::string& file, const std::string& against) {
  const auto setup = load_setup(file);
  if (!setup) return complain_of_config(setup.error());
  for (const std::string& line : setup->rules.warnings.lines()) fmt::print(stderr, "warning: {}\n", line);
  for (const std::string& line : setup->trails.warnings) fmt::print(stderr, "warning: {}\n", line);
  if (!setup->notifications.sinks.empty() && !setup->config.service.roles.notifier)
    fmt::print(stderr, "warning: {}: notifications: nobody is told by this process, for its roles do not have notifier\n", file);
  fmt::print("{}: fine; {} detectors are on\n", file, setup->detectors.size());
  return against.empty() ? kFine : check_scopes(*setup, against);
}

int show_config(const std::string& file) {
  const auto setup = load_setup(file);
  if (!setup) return complain_of_config(setup.error());
  fmt::print("{}", to_yaml(*setup));
  return kFine;
}

int list_detectors(bool as_json) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const detectors::DetectorKind& kind : detectors::registry()) {
    if (as_json) all.push_back(detector_json(kind.info()));
    else print_detector(kind.info());
  }
  if (as_json) all.push_back(detector_json(detectors::Silence::info()));
  else print_detector(detectors::Silence::info());
  if (as_json) fmt::print("{}\n", all.dump(2));
  return kFine;
}

int show_alerts(const std::string& file, std::size_t limit) {
  std::ifstream stream;
  if (file != "-") {
    stream.open(file);
    if (!stream) return complain_of_config(io_error("open", file, errno));
  }
  const auto alerts = read_alerts(file == "-" ? std::cin : stream);
  if (!alerts) {
    fmt::print(stderr, "{}: {}\n", file, alerts.error().message);
    return kFailed;
  }
  for (const ShownAlert& alert : pick(*alerts, limit)) fmt::print("{}{}\n", rate_chart(alert.line), alerts::pretty_alert(alert.line));
  return kFine;
}

}  // namespace trailwarden::app
