#include "app/config_reload.h"

#include "rules/rule_text.h"

namespace trailwarden::app {

std::vector<std::string> ConfigReload::files() const {
  std::vector<std::string> out;
  if (!live_.file.empty()) out.push_back(live_.file);
  Diagnostics errors;  // what is not there now may come
  for (const std::string& folder : detectors::rule_folders(live_.rule_config, errors))
    for (std::string& file : rules::rule_files_below(folder, errors)) out.push_back(std::move(file));
  return out;
}

bool ConfigReload::files_have_changed() {
  if (Clock::now() < next_look_) return false;
  next_look_ = Clock::now() + look_every_;
  return watch_.have_changed(files());
}

Result<ConfigReload::Change> ConfigReload::read() {
  auto written = load_setup(live_.file);
  if (!written) return fail(std::move(written).error());
  Change change{.rules = rule_change(live_, *written)};
  for (ConfigChange& one : changes_between(live_, *written)) (one.needs_restart ? change.waiting : change.taken).push_back(std::move(one));
  live_ = with_detection_of(live_, *std::move(written));
  return change;
}

}  // namespace trailwarden::app
