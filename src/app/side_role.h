#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include <nlohmann/json_fwd.hpp>

#include "api/trail_api.h"
#include "app/logs.h"
#include "core/result.h"
#include "metrics/registry.h"

namespace trailwarden::app {

/// What a service does beside detection, over a log of its own and on a thread of its own. Who derives from it calls `stop` when it is destroyed.
class SideRole {
 public:
  SideRole(const SideRole&) = delete;
  SideRole& operator=(const SideRole&) = delete;
  virtual ~SideRole() = default;

  /// As `roles:` has it.
  virtual std::string name() const = 0;

  void start();
  /// Returns at once; `has_ended` says when it has.
  void ask_to_stop();
  /// Ends within a turn, or with what is under way; what was not committed is done again after a restart.
  void stop();

  bool has_ended() const { return ended_; }
  /// Why it has ended. Once it has.
  const std::optional<Error>& failure() const { return failure_; }
  bool is_fenced() const { return ended_ && log_.is_fenced && log_.is_fenced(); }
  /// Since its last turn; 0 if it has ended.
  std::chrono::milliseconds heartbeat_age() const;

  /// Asks that all there is be done, and says whether it is, as far as it can be: true at once where the log cannot be asked that. For runs that end by themselves.
  virtual bool drain() { return true; }
  /// What of it has stopped, and why; empty if all runs.
  virtual std::string stopped() const { return {}; }

  /// What is not as it should be, for `/readyz`. A store that takes nothing is no reason: a restart would not help, and a metric says it.
  virtual std::string trouble() const = 0;
  virtual void write(metrics::Registry& metrics) const = 0;
  virtual nlohmann::ordered_json state() const = 0;
  /// Adds what it knows of a trail of the configuration.
  virtual void describe(const std::string& trail, api::TrailStatus& status) const = 0;

 protected:
  explicit SideRole(OpenedLog log);
  stream::PartitionedLog& log() { return *log_.log; }
  const stream::PartitionedLog& log() const { return *log_.log; }
  bool log_can_be_drained() const { return log_.drain != nullptr; }
  bool log_is_drained() const { return !log_.drain || log_.drain(); }

  /// One turn, which waits for input at most so long. An error ends the role.
  virtual Result<void> turn(std::chrono::milliseconds wait) = 0;
  virtual Result<void> finish() = 0;

 private:
  Result<void> work();

  OpenedLog log_;
  std::atomic<bool> stop_ = false, ended_ = false;
  std::atomic<std::int64_t> heartbeat_;
  std::optional<Error> failure_;  // read after `ended_`
  std::jthread thread_;
};

}  // namespace trailwarden::app
