#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "app/setup.h"
#include "app/side_role.h"
#include "metrics/registry.h"
#include "notify/notifier.h"
#include "notify/sink_threads.h"

namespace trailwarden::app {

/// The notifier of a service: its log, the sinks with a thread each, and its own thread.
class NotifyRole final : public SideRole {
 public:
  /// The sinks of the configuration, over `log`, whose input are the alerts. Before the detector writes any: on the embedded log it begins with what comes from now on, unless `notifications.start` says otherwise.
  /// kNotFound where a secret cannot be read.
  static Result<std::unique_ptr<NotifyRole>> create(const Setup& setup, OpenedLog log);
  ~NotifyRole() override { stop(); }

  std::string name() const override { return "notifier"; }
  bool drain() override;
  std::string trouble() const override;
  std::string stopped() const override { return notifier_.status().stopped; }
  void write(metrics::Registry& metrics) const override;
  nlohmann::ordered_json state() const override;
  void describe(const std::string& /*trail*/, api::TrailStatus& /*status*/) const override {}

 private:
  NotifyRole(OpenedLog log, std::map<std::string, std::unique_ptr<notify::Sink>> sinks, notify::NotifierOptions options);
  Result<void> pin();
  Result<void> turn(std::chrono::milliseconds wait) override;
  Result<void> finish() override { return notifier_.finish(); }

  notify::SinkThreads threads_;
  notify::Notifier notifier_;
  std::atomic<bool> drains_ = false, is_drained_ = false;
};

}  // namespace trailwarden::app
