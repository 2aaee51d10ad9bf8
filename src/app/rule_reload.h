#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "app/file_watch.h"
#include "app/setup.h"
#include "core/result.h"

namespace trailwarden::app {

/// The rules and suppressions of a running service: notices that their files have changed, and reads them anew beside those that are in use. Not thread-safe.
class RuleReload {
 public:
  using Clock = std::chrono::steady_clock;

  /// `setup`: what is in use. `look_every`: at the files.
  RuleReload(Setup setup, std::chrono::milliseconds look_every) : live_(std::move(setup)), watch_(files()), look_every_(look_every), next_look_(Clock::now() + look_every) {}

  /// Whether the files of the rules, or the configuration's, have changed; looks at them when it is time, and says so once.
  bool files_have_changed();

  /// What was read, against what was in use until then.
  struct Change {
    std::vector<std::string> added, removed, changed;  // ids of rules that are on
    bool needs_restart = false;                        // something else of the configuration has changed too, which is not taken
  };
  /// Reads and compiles them; from then on they are `live`. An error, with every complaint: nothing has changed.
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
