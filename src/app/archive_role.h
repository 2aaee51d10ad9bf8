#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <nlohmann/json_fwd.hpp>

#include "api/trail_api.h"
#include "app/logs.h"
#include "app/setup.h"
#include "app/trail_stores.h"
#include "archive/archiver.h"
#include "metrics/registry.h"

namespace trailwarden::app {

/// The archiver of a service: its log, the trails' stores, and its thread.
class ArchiveRole {
 public:
  /// The trails of the configuration, over `log`. kInvalidArgument without trails; otherwise why a store cannot be opened.
  static Result<std::unique_ptr<ArchiveRole>> create(const Setup& setup, OpenedLog log);
  ~ArchiveRole() { stop(); }

  void start();
  /// Ends within a turn, or with the delivery that is under way; what belongs to epochs that have not ended is read again after a restart.
  void stop();
  void wake() { log_.log->wake(); }

  bool has_ended() const { return ended_; }
  /// Why it has ended. Once it has.
  const std::optional<Error>& failure() const { return failure_; }
  bool is_fenced() const { return ended_ && log_.is_fenced && log_.is_fenced(); }
  /// Since its last turn; 0 if it has ended.
  std::chrono::milliseconds heartbeat_age() const;

  /// What is not as it should be, for `/readyz`. A store that takes nothing is no reason: a restart would not help, and `trail_delivery_blocked` says it.
  std::string trouble() const;
  void write(metrics::Registry& metrics) const;
  nlohmann::ordered_json state() const;
  /// Of a trail of the configuration.
  api::TrailStatus status_of(const std::string& trail) const;

 private:
  ArchiveRole(OpenedLog log, std::unique_ptr<TrailStores> stores, archive::ArchiverOptions options);
  Result<void> work();

  OpenedLog log_;
  std::unique_ptr<TrailStores> stores_;
  const std::map<std::string, std::string> store_names_;  // by trail, as `blocked` has them
  archive::Archiver archiver_;
  std::atomic<bool> stop_ = false, ended_ = false;
  std::atomic<std::int64_t> heartbeat_;
  std::optional<Error> failure_;  // read after `ended_`
  std::jthread thread_;
};

}  // namespace trailwarden::app
