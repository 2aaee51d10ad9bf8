#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "app/config_diff.h"
#include "app/file_watch.h"
#include "app/setup.h"
#include "core/result.h"

namespace trailwarden::app {

/// The configuration of a running service with its rules: notices that their files have changed, and reads them anew beside what is in use. Not thread-safe.
class ConfigReload {
 public:
  using Clock = std::chrono::steady_clock;

  /// `setup`: what is in use. `look_every`: at the files.
  ConfigReload(Setup setup, std::chrono::milliseconds look_every) : live_(std::move(setup)), watch_(files()), look_every_(look_every), next_look_(Clock::now() + look_every) {}

  /// Whether the configuration's file, or those of the rules, have changed; looks at them when it is time, and says so once.
  bool files_have_changed();

  /// What was read, against what was in use until then.
  struct Change {
    RuleChange rules;
    std::vector<ConfigChange> taken, waiting;  // waiting: for a restart
  };
  /// Reads everything; what can be changed while a service runs (`is_live`) is `live` from then on. An error, with every complaint: nothing has changed.
  Result<Change> read();

  const Setup& live() const { return live_; }

 private:
  std::vector<std::string> files() const;

  Setup live_;
  FileWatch watch_;
  const std::chrono::milliseconds look_every_;
  Clock::time_point next_look_;
};

}  // namespace trailwarden::app
