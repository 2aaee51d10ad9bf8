#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/config_reload.h"
#include "app/logs.h"
#include "app/service_api.h"
#include "app/service_metrics.h"
#include "app/setup.h"
#include "app/side_role.h"
#include "core/result.h"
#include "http/server.h"
#include "pipeline/worker.h"
#include "stream/partitioned_log.h"

namespace trailwarden::app {

/// The service: workers, each a thread with a log of its own; the pages that say how they are; a watchdog.
class Service {
 public:
  /// Makes worker number i's log.
  using OpenLog = std::function<Result<OpenedLog>(std::size_t worker)>;

  struct Limits {
    std::chrono::milliseconds stuck_after{60'000};     // a worker that did not turn for so long is not healthy; brokers that are away take up to 40 s
    std::chrono::milliseconds settled_after{120'000};  // fenced sooner than this after its start, a process backs off
    std::chrono::milliseconds back_off{300'000};       // longer than `settled_after`: else two that fence each other do so for ever
    std::chrono::milliseconds look_at_rules{5'000};    // so often their files are looked at
    std::chrono::milliseconds reload_at_most{1'000};   // between two readings of them, whoever asks
  };

  /// `bring`: cells that partitions take in as far as they do not have them; null for none.
  Service(const Setup& setup, OpenLog open_log, std::shared_ptr<const pipeline::SavedCells> bring = nullptr) : Service(setup, std::move(open_log), Limits{}, std::move(bring)) {}
  Service(const Setup& setup, OpenLog open_log, Limits limits, std::shared_ptr<const pipeline::SavedCells> bring = nullptr);
  ~Service();

  /// Runs until `stop` is set, or with `drain` until all input there is was judged and committed. Ends cleanly within kFinishBudget of that. An error: what ended
  /// a worker, and with it the service.
  ///
  /// When `reload` is set, which it sets back, and when files of the rules or of the configuration change, it reads them anew, and workers go on with what of it can be changed
  /// (`is_live`) from their next commit. What cannot be read or compiled is refused, and all stays as it was.
  Result<void> run(std::atomic<bool>& stop, bool drain, std::atomic<bool>& reload);

  /// Runs beside the workers. Before `run`.
  void run_beside(std::unique_ptr<SideRole> role) { side_roles_.push_back(std::move(role)); }

  static constexpr std::chrono::seconds kFinishBudget{8};

  /// What side roles count in; as long as the service lives.
  metrics::Registry& metrics() { return metrics_.registry(); }

  /// Another process with our transactional id is at work. Once `run` has returned.
  bool fenced() const;

  /// Where the pages answer; 0: nowhere yet, or there are none. From any thread.
  std::uint16_t port() const { return port_.load(); }

 private:
  struct Member;

  Result<void> start();
  Result<void> start_pages();
  Result<void> start_open_pages();
  std::map<std::string, http::Handler> open_pages();
  Result<void> work(Member& member);
  bool watch(bool drain);
  void reload_if_due(std::atomic<bool>& asked);
  void take(const ConfigReload::Change& change);
  void back_off(const std::atomic<bool>& stop);
  bool all_turn() const;
  bool is_drained() const;
  Result<void> end();
  Result<void> all_running() const;
  std::vector<std::string> reasons_not_ready() const;
  std::vector<double> heartbeat_ages() const;
  std::vector<pipeline::WorkerStatus> statuses() const;
  std::string page_of_metrics() const;
  std::string state_json() const;
  std::string shown_fingerprint() const;

  std::atomic<bool> stop_workers_ = false;
  const Setup& setup_;
  const OpenLog open_log_;
  const Limits limits_;
  const std::shared_ptr<const pipeline::SavedCells> bring_;
  ServiceMetrics metrics_;
  ConfigReload rules_;
  ConfigReload::Clock::time_point last_reload_{};
  std::atomic<std::size_t> rules_loaded_;
  mutable std::mutex shown_mutex_;
  std::string config_, fingerprint_;    // guarded by it: for the pages
  detectors::InsightsConfig insights_;  // the same, for the API
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<std::unique_ptr<SideRole>> side_roles_;
  std::unique_ptr<ServiceApi> api_;  // null where no key is configured
  std::unique_ptr<http::Server> pages_, open_pages_;
  std::atomic<std::uint16_t> port_ = 0;
};

}  // namespace trailwarden::app
