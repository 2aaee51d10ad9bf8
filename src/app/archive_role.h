#pragma once

#include <map>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "app/setup.h"
#include "app/side_role.h"
#include "app/trail_stores.h"
#include "archive/archiver.h"
#include "metrics/registry.h"

namespace trailwarden::app {

/// The archiver of a service: its log, the trails' stores, and its thread.
class ArchiveRole final : public SideRole {
 public:
  /// The trails of the configuration, over `log`. kInvalidArgument without trails; otherwise why a store cannot be opened.
  static Result<std::unique_ptr<ArchiveRole>> create(const Setup& setup, OpenedLog log, metrics::Registry& metrics);
  ~ArchiveRole() override { stop(); }

  std::string name() const override { return "archiver"; }
  bool drain() override;
  std::string stopped() const override;
  std::string trouble() const override;
  void write(metrics::Registry& metrics) const override;
  nlohmann::ordered_json state() const override;
  void describe(const std::string& trail, api::TrailStatus& status) const override;

 private:
  ArchiveRole(OpenedLog log, std::unique_ptr<TrailStores> stores, archive::ArchiverOptions options);
  Result<void> turn(std::chrono::milliseconds wait) override { return archiver_.step(wait); }
  Result<void> finish() override { return archiver_.finish(); }

  std::unique_ptr<TrailStores> stores_;
  const std::map<std::string, std::string> store_names_;  // by trail, as `blocked` has them
  archive::Archiver archiver_;
};

}  // namespace trailwarden::app
