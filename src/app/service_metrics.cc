#include "app/service_metrics.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "app/process_metrics.h"
#include "app/run_metrics.h"

namespace trailwarden::app {
namespace {

template <class Duration>
double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double number(std::uint64_t count) { return static_cast<double>(count); }

metrics::Histogram stage_histogram(metrics::Registry& registry, pipeline::Stage stage) { return registry.histogram("stage_duration_seconds", {{"stage", to_string(stage)}}); }

/// What one partition is like now.
/// `age`: of the status [s].
void set_partition(metrics::Registry& registry, const pipeline::PartitionStatus& status, double age) {
  const std::string partition = std::to_string(status.partition);
  const auto set = [&](std::string_view name, double value) { registry.set(name, {{"topic", status.topic}, {"partition", partition}}, value); };
  const auto now = std::chrono::system_clock::now();
  if (status.state == pipeline::PartitionStatus::State::kStopped)
    registry.set("stopped_partitions", {{"topic", status.topic}, {"partition", partition}, {"reason", status.reason}}, 1);
  if (status.extent && status.committed >= 0) {
    const std::int64_t lag = std::max<std::int64_t>(status.extent->end - status.committed, 0);
    set("consumer_lag_records", static_cast<double>(lag));
    if (lag == 0 || status.newest_append) set("consumer_lag_seconds", lag == 0 ? 0 : seconds(now - *status.newest_append));
  }
  if (status.extent && status.committed >= 0) set("retention_headroom_records", static_cast<double>(status.committed - status.extent->begin));
  if (status.watermark != kBeginningOfTime) {
    set("watermark_delay_seconds", seconds(now - status.watermark));
    // By the log's own clock: what stands still although records come, however far behind the service is.
    if (status.newest_append) set("watermark_lag_seconds", std::max(seconds(*status.newest_append - status.watermark), 0.0));
  }
  if (status.since_commit) set("last_commit_timestamp_seconds", seconds((now - *status.since_commit).time_since_epoch()) - age);
  if (status.since_snapshot) set("snapshot_age_seconds", seconds(*status.since_snapshot) + age);
  if (status.snapshot_bytes > 0) set("snapshot_bytes", number(status.snapshot_bytes));
}

}  // namespace

ServiceMetrics::ServiceMetrics(const std::vector<std::string>& topics)
    : end_to_end_(registry_.histogram("alert_end_to_end_seconds", {})), latency_(registry_.histogram("pipeline_latency_seconds", {})),
      commit_seconds_(registry_.histogram("transaction_commit_seconds", {})), restore_seconds_(registry_.histogram("restore_duration_seconds", {})),
      stage_seconds_{stage_histogram(registry_, pipeline::Stage::kJudge), stage_histogram(registry_, pipeline::Stage::kFreeze), stage_histogram(registry_, pipeline::Stage::kChange)} {
  for (const char* result : {"committed", "rolled_back"}) registry_.add("transactions_total", {{"result", result}}, 0);
  for (const char* type : {"assigned", "revoked", "lost"}) registry_.add("rebalances_total", {{"type", type}}, 0);
  for (const char* result : {"done", "failed"}) registry_.add("snapshots_total", {{"result", result}}, 0);
  for (const char* metric : {"records_consumed_total", "record_bytes_consumed_total", "misrouted_records_total", "offset_gap_total", "offset_rewind_total", "ticks_applied_total"})
    for (const std::string& topic : topics) registry_.add(metric, {{"topic", topic}}, 0);
  for (const char* metric : {"ledger_audit_failures_total", "log_lines_dropped_total", "restore_records_total"}) registry_.add(metric, {}, 0);
  reloaded(true);  // a service that could not read it would not be here
}

void ServiceMetrics::reloaded(bool taken) {
  registry_.set("config_last_reload_successful", {}, taken ? 1 : 0);
  if (taken) registry_.set("config_last_reload_success_timestamp_seconds", {}, seconds(std::chrono::system_clock::now().time_since_epoch()));
}

void ServiceMetrics::committed(const Committed& committed) {
  const auto now = std::chrono::system_clock::now();
  registry_.add("transactions_total", {{"result", "committed"}}, 1);
  commit_seconds_.observe(seconds(committed.took));
  for (const Timestamp decided : committed.decided_at) end_to_end_.observe(seconds(now - decided));
  for (const auto& append : committed.oldest)
    if (append) latency_.observe(seconds(now - *append));
}

void ServiceMetrics::staged(pipeline::Stage stage, std::chrono::nanoseconds took) { stage_seconds_[static_cast<std::size_t>(stage)].observe(seconds(took)); }

void ServiceMetrics::rolled_back() { registry_.add("transactions_total", {{"result", "rolled_back"}}, 1); }
void ServiceMetrics::rebalanced(std::string_view type) { registry_.add("rebalances_total", {{"type", type}}, 1); }

void ServiceMetrics::restored(const std::string&, std::int32_t, std::chrono::milliseconds took, std::uint64_t replayed) {
  restore_seconds_.observe(seconds(took));
  registry_.add("restore_records_total", {}, number(replayed));
}

void ServiceMetrics::snapshot(bool done) { registry_.add("snapshots_total", {{"result", done ? "done" : "failed"}}, 1); }
void ServiceMetrics::ticked(const std::string& topic) { registry_.add("ticks_applied_total", {{"topic", topic}}, 1); }
void ServiceMetrics::offset_skipped(const std::string& topic, std::int64_t missing) { registry_.add("offset_gap_total", {{"topic", topic}}, static_cast<double>(missing)); }
void ServiceMetrics::offset_repeated(const std::string& topic) { registry_.add("offset_rewind_total", {{"topic", topic}}, 1); }

void ServiceMetrics::ledger_failed() { registry_.add("ledger_audit_failures_total", {}, 1); }

void ServiceMetrics::counted(const std::string& topic, const pipeline::RangeCounts& counts, std::uint64_t bytes) {
  registry_.add("records_consumed_total", {{"topic", topic}}, number(counts.read));
  registry_.add("record_bytes_consumed_total", {{"topic", topic}}, number(bytes));
  registry_.add("misrouted_records_total", {{"topic", topic}}, number(counts.misrouted));
}

void ServiceMetrics::count_dropped_lines(std::uint64_t in_all) {
  registry_.add("log_lines_dropped_total", {}, number(in_all - std::exchange(dropped_lines_, in_all)));
}

std::string ServiceMetrics::text(const std::vector<pipeline::WorkerStatus>& workers, const std::vector<double>& heartbeat_ages) const {
  pipeline::Totals totals;
  metrics::Registry now;
  std::size_t assigned = 0;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    totals.add(workers[i].totals);
    assigned += workers[i].partitions.size();
    for (const pipeline::PartitionStatus& partition : workers[i].partitions) set_partition(now, partition, heartbeat_ages[i]);
  }
  write_process_metrics(now);
  now.set("assigned_partitions", {}, number(assigned));
  for (std::size_t i = 0; i < heartbeat_ages.size(); ++i) now.set("worker_heartbeat_age_seconds", {{"worker", std::to_string(i)}}, heartbeat_ages[i]);
  return registry_.text() + now.text() + run_metrics(totals, "");
}

}  // namespace trailwarden::app
