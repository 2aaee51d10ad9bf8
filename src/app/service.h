#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/logs.h"
#include "app/service_metrics.h"
#include "app/setup.h"
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

  Service(const Setup& setup, OpenLog open_log);
  ~Service();

  /// Runs until `stop` is set, or with `drain` until all input there is was judged and committed. Ends cleanly within kFinishBudget of that. An error: what ended
  /// a worker, and with it the service.
  Result<void> run(std::atomic<bool>& stop, bool drain);

  static constexpr std::chrono::seconds kFinishBudget{8};
  static constexpr std::chrono::seconds kStuckAfter{60};  // a worker that did not turn for so long is not healthy; brokers that are away take up to 40 s

  /// Where the pages are; empty without.
  std::string address() const;

 private:
  struct Member;

  Result<void> start();
  Result<void> start_pages();
  Result<void> work(Member& member);
  bool watch(bool drain);
  bool is_drained() const;
  Result<void> end();
  Result<void> all_running() const;
  std::vector<std::string> reasons_not_ready() const;
  std::vector<double> heartbeat_ages() const;
  std::vector<pipeline::WorkerStatus> statuses() const;
  std::string state_json() const;

  std::atomic<bool> stop_workers_ = false;
  const Setup& setup_;
  const OpenLog open_log_;
  const std::string config_;
  ServiceMetrics metrics_;
  std::vector<std::unique_ptr<Member>> members_;
  std::unique_ptr<http::Server> pages_;
};

}  // namespace trailwarden::app
