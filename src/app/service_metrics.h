#pragma once

#include <array>
#include <string>
#include <vector>

#include "metrics/registry.h"
#include "pipeline/worker.h"

namespace trailwarden::app {

/// Counts what workers tell, for `/metrics`. The only place where the wall clock meets what was judged: latencies. Any thread.
class ServiceMetrics final : public pipeline::WorkerObserver {
 public:
  /// The configuration was read just now; it names these inputs.
  explicit ServiceMetrics(const std::vector<std::string>& topics);

  void committed(const Committed& committed) override;
  void staged(pipeline::Stage stage, std::chrono::nanoseconds took) override;
  void rolled_back() override;
  void rebalanced(std::string_view type) override;
  void restored(const std::string& topic, std::int32_t partition, std::chrono::milliseconds took, std::uint64_t replayed) override;
  void snapshot(bool done) override;
  void ticked(const std::string& topic) override;
  void offset_skipped(const std::string& topic, std::int64_t missing) override;
  void offset_repeated(const std::string& topic) override;
  void ledger_failed() override;
  void counted(const std::string& topic, const pipeline::RangeCounts& counts, std::uint64_t bytes) override;

  /// The configuration's rules were read anew, or refused. One thread.
  void reloaded(bool taken);

  /// Lines of the program's own log that were dropped, in all. One thread.
  void count_dropped_lines(std::uint64_t in_all);

  metrics::Registry& registry() { return registry_; }

  /// The whole page: what was counted, and what `workers` have now. `heartbeat_ages`: by worker [s].
  std::string text(const std::vector<pipeline::WorkerStatus>& workers, const std::vector<double>& heartbeat_ages) const;

 private:
  metrics::Registry registry_;
  std::uint64_t dropped_lines_ = 0;
  metrics::Histogram end_to_end_, latency_, commit_seconds_, restore_seconds_;
  std::array<metrics::Histogram, pipeline::kStages> stage_seconds_;
};

}  // namespace trailwarden::app
