#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "app/setup.h"
#include "app/side_role.h"
#include "app/trail_stores.h"
#include "archive/digest_writer.h"
#include "metrics/registry.h"

namespace trailwarden::app {

/// The digest writer of a service: its log, the trails' stores, and its thread.
class DigestRole final : public SideRole {
 public:
  /// The trails of the configuration whose `digest` is enabled, over `log`, whose input is the manifest. kInvalidArgument without such trails; otherwise why a
  /// store or the keys cannot be opened.
  static Result<std::unique_ptr<DigestRole>> create(const Setup& setup, OpenedLog log);
  ~DigestRole() override { stop(); }

  std::string name() const override { return "digest"; }
  bool drain() override;
  std::string trouble() const override;
  void write(metrics::Registry& metrics) const override;
  nlohmann::ordered_json state() const override;
  void describe(const std::string& trail, api::TrailStatus& status) const override;

 private:
  DigestRole(OpenedLog log, std::unique_ptr<TrailStores> stores, archive::DigestOptions options);
  Result<void> turn(std::chrono::milliseconds wait) override;
  Result<void> finish() override { return writer_.finish(); }

  std::unique_ptr<TrailStores> stores_;
  const std::vector<std::string> trails_;  // by name
  archive::DigestWriter writer_;
  std::atomic<bool> drains_ = false, is_drained_ = false;
};

}  // namespace trailwarden::app
