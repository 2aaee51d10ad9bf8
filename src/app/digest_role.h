#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "app/setup.h"
#include "app/side_role.h"
#include "app/trail_stores.h"
#include "archive/digest_writer.h"
#include "archive/trail_watch.h"
#include "metrics/registry.h"

namespace trailwarden::app {

/// The digest writer of a service: its log, the trails' stores, and its thread. Beside it, on a thread of its own, the watch over what was written.
class DigestRole final : public SideRole {
 public:
  /// The trails of the configuration whose `digest` is enabled, over `log`, whose input is the manifest. kInvalidArgument without such trails; otherwise why a
  /// store or the keys cannot be opened. `watches`: those that want it are verified while it runs; a run that ends by itself has no time for it.
  static Result<std::unique_ptr<DigestRole>> create(const Setup& setup, OpenedLog log, metrics::Registry& metrics, bool watches);
  ~DigestRole() override;

  std::string name() const override { return "digest"; }
  bool drain() override;
  std::string trouble() const override;
  void write(metrics::Registry& metrics) const override;
  nlohmann::ordered_json state() const override;
  void describe(const std::string& trail, api::TrailStatus& status) const override;

 private:
  DigestRole(OpenedLog log, std::unique_ptr<TrailStores> stores, archive::DigestOptions options, archive::WatchOptions watch);
  Result<void> turn(std::chrono::milliseconds wait) override;
  Result<void> finish() override;
  void start_watch();
  void end_watch();
  void tell_problems();
  std::vector<archive::WatchedTrail> verified() const;

  std::unique_ptr<TrailStores> stores_;
  const std::vector<std::string> trails_;  // by name
  archive::DigestWriter writer_;
  std::atomic<bool> drains_ = false, is_drained_ = false;
  std::unique_ptr<archive::TrailWatch> watch_;  // nullptr: nothing is verified
  std::jthread watcher_;                        // last: it uses the others
};

}  // namespace trailwarden::app
