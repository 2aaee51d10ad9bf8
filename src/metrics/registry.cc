#include "metrics/registry.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/text_serializer.h>

#include "core/check.h"

namespace trailwarden::metrics {
namespace {

constexpr std::string_view kPrefix = "trailwarden_";
constexpr std::string_view kOfTheProcess = "process_";  // named as in Prometheus's own client libraries, without our prefix

// What we do ourselves; what waits for CloudTrail, which delivers within minutes; what reads a topic again.
constexpr std::array kLatencySeconds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0};
constexpr std::array kStageSeconds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5};
constexpr std::array kDeliverySeconds{0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0};
constexpr std::array kRestoreSeconds{0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0};

constexpr std::array kMetrics{
    MetricInfo{"alert_end_to_end_seconds", Kind::kHistogram, "",
               "From the eventTime of the record that decided an alert to the alert's commit.", kDeliverySeconds},
    MetricInfo{"alerts_suppressed_total", Kind::kCounter, "detector,reason", "Findings that were folded into another alert, by reason."},
    MetricInfo{"alerts_total", Kind::kCounter, "detector,severity", "Alerts written, by detector and severity."},
    MetricInfo{"api_requests_total", Kind::kCounter, "operation,error", "Requests to CloudTrail's API, by operation and AWS's name for what was wrong; without an operation: not signed as they must."},
    MetricInfo{"assigned_partitions", Kind::kGauge, "", "Partitions that this process has."},
    MetricInfo{"baseline_bytes", Kind::kGauge, "", "Memory held by baselines."},
    MetricInfo{"baseline_overflow_events_total", Kind::kCounter, "",
               "Calls counted in the overflow row of their account and Region, because it has as many series as it may."},
    MetricInfo{"baseline_rows_evicted_total", Kind::kCounter, "", "Series forgotten because their account and Region had more than it may; those with the fewest calls go first."},
    MetricInfo{"baselines", Kind::kGauge, "state", "Series with a baseline, by state (quiet, incident)."},
    MetricInfo{"build_info", Kind::kGauge, "version,revision,librdkafka", "Always 1; the labels say which build this is, and which Kafka client it runs with."},
    MetricInfo{"cells", Kind::kGauge, "", "Pairs of account and Region with state."},
    MetricInfo{"client_broker_rtt_seconds", Kind::kGauge, "worker,client,broker", "Mean round trip to the broker, as the Kafka client measures it."},
    MetricInfo{"client_broker_up", Kind::kGauge, "worker,client,broker", "1 while the Kafka client is connected to the broker, else 0."},
    MetricInfo{"client_queue_messages", Kind::kGauge, "worker,queue",
               "Messages that the Kafka client holds: fetched and not taken yet (consumer), written and not acknowledged yet (producer)."},
    MetricInfo{"client_request_errors_total", Kind::kCounter, "direction", "Requests to brokers that failed on their way, by direction (send, receive)."},
    MetricInfo{"config_last_reload_success_timestamp_seconds", Kind::kGauge, "", "When the configuration was last read with success."},
    MetricInfo{"config_last_reload_successful", Kind::kGauge, "", "1 if the last reading of the configuration succeeded, else 0."},
    MetricInfo{"consumer_lag_records", Kind::kGauge, "topic,partition", "Records of the partition that are not committed yet."},
    MetricInfo{"consumer_lag_seconds", Kind::kGauge, "topic,partition",
               "Age of the oldest record of the partition that is not committed yet; 0 if there is none."},
    MetricInfo{"consumer_rebuilds_total", Kind::kCounter, "reason", "Consumers thrown away and made anew, by reason."},
    MetricInfo{"credentials_expiry_timestamp_seconds", Kind::kGauge, "kind",
               "When the first of the AWS credentials in use expires, by where they are from (environment, web_identity, profile, container, instance). Those that say no time have none; all but the "
               "environment's are renewed five minutes before it, or when two thirds of their time are over."},
    MetricInfo{"dead_letters_total", Kind::kCounter, "reason", "Records written to the dead-letter topic, by reason."},
    MetricInfo{"detector_evaluations_total", Kind::kCounter, "detector", "Records that a detector looked at closely."},
    MetricInfo{"digest_chain_breaks_total", Kind::kCounter, "", "Times that a chain of digests stopped because of an object of somebody else's, or went on from another digest than ours."},
    MetricInfo{"digest_chains", Kind::kGauge, "", "Chains of digests that are written: one a trail, account and Region."},
    MetricInfo{"digest_delivery_blocked", Kind::kGauge, "", "1 while digests cannot be written: a store takes nothing, or keys cannot be made."},
    MetricInfo{"digest_last_timestamp_seconds", Kind::kGauge, "", "The end of the last hour whose digests are written."},
    MetricInfo{"digest_waiting_logs", Kind::kGauge, "", "Log objects that no digest lists yet."},
    MetricInfo{"digests_written_total", Kind::kCounter, "kind", "Digests written, by kind: hourly or backfill."},
    MetricInfo{"duplicate_keys_total", Kind::kCounter, "", "JSON members written more than once in a record; the last one counts."},
    MetricInfo{"event_time_clamped_total", Kind::kCounter, "reason", "Records whose eventTime was not taken at its word, by reason."},
    MetricInfo{"events_accepted_total", Kind::kCounter, "", "Records judged."},
    MetricInfo{"events_duplicate_total", Kind::kCounter, "", "Repeats of a record that was judged inside the lateness window."},
    MetricInfo{"events_late_total", Kind::kCounter, "class",
               "Records judged whose minute was already closed, by how late (late: at all; over_2h: of them, by more than two hours)."},
    MetricInfo{"events_rejected_total", Kind::kCounter, "reason", "Records refused, by reason."},
    MetricInfo{"events_settled_early_total", Kind::kCounter, "", "Records judged before their minute closed, because the settle buffer was full."},
    MetricInfo{"events_skipped_total", Kind::kCounter, "reason", "Records recognised and not judged, by reason."},
    MetricInfo{"findings_hidden_total", Kind::kCounter, "suppression,severity", "Findings that a suppression hid, by severity."},
    MetricInfo{"http_connections_refused_total", Kind::kCounter, "",
               "Connections to the service's pages that were refused, because too many were open."},
    MetricInfo{"http_responses_total", Kind::kCounter, "code", "Answers of the service's pages and of CloudTrail's API, by status code."},
    MetricInfo{"incidents_open", Kind::kGauge, "", "Insights with a Start and no End yet."},
    MetricInfo{"insights_alpha_per_week", Kind::kGauge, "bound", "Thresholds now, as false alarms a week of one series and direction: the least and the most."},
    MetricInfo{"insights_budget_per_week", Kind::kGauge, "part",
               "False Insights a week that were asked for: of one account, of all accounts and Regions here together, and of these for upward, downward and silences of an account."},
    MetricInfo{"insights_directions_under_test", Kind::kGauge, "direction", "Series past their warm-up that can give an Insight, by direction (up, down)."},
    MetricInfo{"insights_expected_false_total", Kind::kCounter, "", "False Insights that the thresholds have allowed: each closed hour adds a 168th of what they allow in a week."},
    MetricInfo{"insights_judged_seconds", Kind::kGauge, "", "Event time with something under test, of the account and Region that has most."},
    MetricInfo{"insights_realised_per_week", Kind::kGauge, "", "Insights that were written, for a week of event time with something under test."},
    MetricInfo{"insights_total", Kind::kCounter, "type,state", "Insights written, by type and state (start, end)."},
    MetricInfo{"last_commit_timestamp_seconds", Kind::kGauge, "topic,partition", "When the partition was last committed."},
    MetricInfo{"ledger_audit_failures_total", Kind::kCounter, "", "Ledger records that did not add up when they were made; each is a loss or a repeat."},
    MetricInfo{"log_lines_dropped_total", Kind::kCounter, "", "Log lines dropped, because stderr did not take them."},
    MetricInfo{"misrouted_records_total", Kind::kCounter, "topic",
               "Records of an account and Region in a partition that their key does not lead to."},
    MetricInfo{"notification_alerts_held_total", Kind::kCounter, "sink", "Alerts that a sink's rate limit kept back, to be told of by number in one message."},
    MetricInfo{"notification_alerts_total", Kind::kCounter, "sink", "Alerts that routes lead to the sink."},
    MetricInfo{"notification_alerts_unrouted_total", Kind::kCounter, "", "Alerts that no route leads anywhere."},
    MetricInfo{"notification_dead_letters_total", Kind::kCounter, "sink,reason", "Messages to a sink that were given up, by reason; without a sink: what was no alert."},
    MetricInfo{"notification_oldest_seconds", Kind::kGauge, "sink", "Age of the oldest message that waits for the sink; 0 if none does."},
    MetricInfo{"notification_queue", Kind::kGauge, "sink", "Messages that wait for the sink."},
    MetricInfo{"notifications_total", Kind::kCounter, "sink,result", "Tries to send a message to the sink, by result: delivered or failed."},
    MetricInfo{"notifier_stopped", Kind::kGauge, "", "1 while the notifier is not ready, for a reason that `/readyz` has: an error has stopped it, or Kafka or what it keeps cannot be reached. Else 0."},
    MetricInfo{"offset_gap_total", Kind::kCounter, "topic", "Jumps over offsets where records may be missing."},
    MetricInfo{"offset_rewind_total", Kind::kCounter, "topic", "Jumps back to offsets that were read before."},
    MetricInfo{"pipeline_latency_seconds", Kind::kHistogram, "", "From the append of a record to the commit of what it caused.", kLatencySeconds},
    MetricInfo{"process_cpu_seconds_total", Kind::kCounter, "", "Processor time that the process has used, its own and the system's for it."},
    MetricInfo{"process_max_fds", Kind::kGauge, "", "How many file descriptors the process may have open."},
    MetricInfo{"process_open_fds", Kind::kGauge, "", "File descriptors that the process has open."},
    MetricInfo{"process_resident_memory_bytes", Kind::kGauge, "", "Memory of the process that is in RAM."},
    MetricInfo{"process_start_time_seconds", Kind::kGauge, "", "When the process began."},
    MetricInfo{"process_virtual_memory_bytes", Kind::kGauge, "", "Address space of the process."},
    MetricInfo{"producer_rebuilds_total", Kind::kCounter, "reason", "Producers thrown away and made anew, by reason."},
    MetricInfo{"rebalances_total", Kind::kCounter, "type", "Changes of the group's assignment, by type."},
    MetricInfo{"record_bytes_consumed_total", Kind::kCounter, "topic", "Bytes of JSON read, inflated, by topic."},
    MetricInfo{"records_consumed_total", Kind::kCounter, "topic", "Records read, by topic."},
    MetricInfo{"restore_duration_seconds", Kind::kHistogram, "", "From the assignment of a partition to its state being back.", kRestoreSeconds},
    MetricInfo{"restore_records_total", Kind::kCounter, "", "Records read again to bring state back."},
    MetricInfo{"retention_headroom_records", Kind::kGauge, "topic,partition",
               "Records between the oldest one the broker keeps and the committed position; below zero, records were lost."},
    MetricInfo{"rule_findings_total", Kind::kCounter, "rule,severity", "Findings of a rule that became alerts, by severity."},
    MetricInfo{"rule_groups", Kind::kGauge, "rule", "Groups (principals, keys, ...) that a rule's correlation remembers."},
    MetricInfo{"rule_state_dropped_total", Kind::kCounter, "rule,what",
               "What a rule's correlation let go of for want of room: groups, matches of a group, searches for a sequence (cut); late: matches that came behind the watermark."},
    MetricInfo{"rules_loaded", Kind::kGauge, "", "Rules that are on."},
    MetricInfo{"s3_request_duration_seconds", Kind::kHistogram, "op,result",
               "Duration of requests for objects of trails in buckets, by operation and what came of them: done, not_found, not_now (busy, failing or unreachable), refused, impossible.", kLatencySeconds},
    MetricInfo{"snapshot_age_seconds", Kind::kGauge, "topic,partition", "Age of the newest snapshot of the partition's state."},
    MetricInfo{"snapshot_bytes", Kind::kGauge, "topic,partition", "Size of the newest snapshot of the partition's state."},
    MetricInfo{"snapshots_total", Kind::kCounter, "result", "Snapshots, by result."},
    MetricInfo{"sqs_messages_held", Kind::kGauge, "", "Messages of queues that were received and are neither removed nor let go."},
    MetricInfo{"sqs_messages_total", Kind::kCounter, "result", "Messages of queues, by what became of them."},
    MetricInfo{"sqs_objects_total", Kind::kCounter, "result", "Objects that messages of queues told of, by what became of them."},
    MetricInfo{"sqs_oldest_message_age_seconds", Kind::kGauge, "", "Age of the oldest message that is held, since it came into its queue; 0 if none is."},
    MetricInfo{"stage_duration_seconds", Kind::kHistogram, "stage",
               "How long a worker was at one thing: judge (what it took at once), freeze (the copy of a partition's state that is saved), change (to another configuration).", kStageSeconds},
    MetricInfo{"state_bytes", Kind::kGauge, "", "Memory held by the state of all cells."},
    MetricInfo{"stopped_partitions", Kind::kGauge, "topic,partition,reason", "1 for a partition that is not read because of an error, by reason."},
    MetricInfo{"ticks_applied_total", Kind::kCounter, "topic", "Marks of time applied, that move a watermark without records."},
    MetricInfo{"tls_certificate_expiry_timestamp_seconds", Kind::kGauge, "kind",
               "When the first of these certificates expires: http (the pages' own), http_client_ca (that their clients are known by), kafka (that brokers know us by), kafka_ca (that they are known by)."},
    MetricInfo{"trail_bytes_written_total", Kind::kCounter, "", "Bytes of objects written to trails, compressed."},
    MetricInfo{"trail_check_last_success_timestamp_seconds", Kind::kGauge, "trail", "When a check of the trail last ended that could look at everything."},
    MetricInfo{"trail_checked_bytes_total", Kind::kCounter, "trail", "Bytes of log text that checks of the trail hashed."},
    MetricInfo{"trail_checked_objects_total", Kind::kCounter, "trail,how", "Objects that checks of the trail looked at: digests, logs that were read, logs that a listing showed to be unchanged."},
    MetricInfo{"trail_checks_total", Kind::kCounter, "trail,result", "Checks of the trail against its digests, by result: done, or failed as the store or the keys could not be read."},
    MetricInfo{"trail_delivery_blocked", Kind::kGauge, "", "1 while a store of a trail takes nothing; records wait in the log."},
    MetricInfo{"trail_epochs_total", Kind::kCounter, "", "Ranges of the log whose records were written to trails."},
    MetricInfo{"trail_fallback_records_total", Kind::kCounter, "", "Records written to the fallback folder, as they do not say their account or Region."},
    MetricInfo{"trail_objects_written_total", Kind::kCounter, "", "Objects written to trails."},
    MetricInfo{"trail_oldest_unwritten_seconds", Kind::kGauge, "", "Age of the oldest record that the archiver has read and not stored yet; 0 if there is none."},
    MetricInfo{"trail_open_epoch_bytes", Kind::kGauge, "topic,partition", "Bytes of messages that wait for the end of their epoch."},
    MetricInfo{"trail_problems", Kind::kGauge, "trail,what", "Objects of the trail that are not as they were delivered, as of the last checks."},
    MetricInfo{"trail_problems_found_total", Kind::kCounter, "trail,what", "Objects of the trail that were found not to be as they were delivered."},
    MetricInfo{"trail_put_retries_total", Kind::kCounter, "", "Objects that had to be offered to a store again."},
    MetricInfo{"trail_records_total", Kind::kCounter, "result", "Records that the archiver read, by what became of them."},
    MetricInfo{"trail_stopped_partitions", Kind::kGauge, "topic,partition", "1 for a partition whose records cannot be archived any further."},
    MetricInfo{"transaction_aborts_total", Kind::kCounter, "reason", "Transactions aborted, by reason."},
    MetricInfo{"transaction_commit_seconds", Kind::kHistogram, "", "Duration of the commit of a transaction.", kLatencySeconds},
    MetricInfo{"transactions_total", Kind::kCounter, "result", "Transactions, by result."},
    MetricInfo{"watermark_delay_seconds", Kind::kGauge, "topic,partition", "How far the partition's watermark is behind the clock."},
    MetricInfo{"watermark_lag_seconds", Kind::kGauge, "topic,partition",
               "How far the partition's watermark is behind the append time of the newest record that was judged; 0 where ticks have taken it past that."},
    MetricInfo{"worker_heartbeat_age_seconds", Kind::kGauge, "worker", "Time since the worker last said that it goes on."},
};

constexpr bool by_name(const MetricInfo& a, const MetricInfo& b) { return a.name < b.name; }
static_assert(std::is_sorted(kMetrics.begin(), kMetrics.end(), by_name));

/// The metric's row, which says the same of it as the caller.
const MetricInfo& info_of(std::string_view name, Kind kind, Labels labels) {
  const auto* const found = std::lower_bound(kMetrics.begin(), kMetrics.end(), MetricInfo{.name = name}, by_name);
  TRAILWARDEN_CHECK(found != kMetrics.end() && found->name == name && found->kind == kind, "a metric is in the table of metrics, with its kind");
  std::string names;
  for (const auto& [label, value] : labels) names.append(names.empty() ? "" : ",").append(label);
  TRAILWARDEN_CHECK(names == found->labels, "a metric has the labels that the table gives it, in that order");
  return *found;
}

prometheus::Labels to_map(Labels labels) {
  prometheus::Labels out;
  for (const auto& [name, value] : labels) out.emplace(name, value);
  return out;
}

/// The metrics of one kind: by row of the table, their series by labels.
template <class Series>
class Families {
 public:
  explicit Families(Kind kind) : kind_(kind) {
    for (const MetricInfo& info : kMetrics)
      if (info.kind == kind) families_.try_emplace(info.name, full_name(info), std::string(info.help), prometheus::Labels{});
  }

  /// The series of these labels, made if need be. `arguments` are for the making.
  template <class... Arguments>
  Series& series(std::string_view name, Labels labels, const Arguments&... arguments) {
    return family(name, labels).Add(to_map(labels), arguments...);
  }

  void remove(std::string_view name, Labels labels) {
    auto& of_name = family(name, labels);
    const prometheus::Labels key = to_map(labels);
    if (of_name.Has(key)) of_name.Remove(&of_name.Add(key));
  }

  void collect(std::vector<prometheus::MetricFamily>& out) const {
    for (const auto& [name, family] : families_)
      for (auto& collected : family.Collect()) out.push_back(std::move(collected));
  }

 private:
  prometheus::Family<Series>& family(std::string_view name, Labels labels) { return families_.at(info_of(name, kind_, labels).name); }

  Kind kind_;
  std::map<std::string_view, prometheus::Family<Series>> families_;  // never changed after construction
};

}  // namespace

std::span<const MetricInfo> all_metrics() { return kMetrics; }

std::string full_name(const MetricInfo& info) { return std::string(info.name.starts_with(kOfTheProcess) ? "" : kPrefix).append(info.name); }

void Counter::add(double value) const {
  TRAILWARDEN_CHECK(value >= 0, "a counter only goes up");
  series_->Increment(value);
}

void Histogram::observe(double value) const { series_->Observe(value); }

struct Registry::Impl {
  Families<prometheus::Counter> counters{Kind::kCounter};
  Families<prometheus::Gauge> gauges{Kind::kGauge};
  Families<prometheus::Histogram> histograms{Kind::kHistogram};
  std::mutex gauge_mutex;  // a gauge is not removed while it is set
};

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

Counter Registry::counter(std::string_view name, Labels labels) { return Counter(impl_->counters.series(name, labels)); }

Histogram Registry::histogram(std::string_view name, Labels labels) {
  const std::span<const double> buckets = info_of(name, Kind::kHistogram, labels).buckets;
  return Histogram(impl_->histograms.series(name, labels, prometheus::Histogram::BucketBoundaries(buckets.begin(), buckets.end())));
}

void Registry::add(std::string_view name, Labels labels, double value) { counter(name, labels).add(value); }

void Registry::observe(std::string_view name, Labels labels, double value) { histogram(name, labels).observe(value); }

void Registry::set(std::string_view name, Labels labels, double value) {
  const std::lock_guard lock(impl_->gauge_mutex);
  impl_->gauges.series(name, labels).Set(value);
}

void Registry::remove(std::string_view name, Labels labels) {
  const std::lock_guard lock(impl_->gauge_mutex);
  impl_->gauges.remove(name, labels);
}

std::string Registry::text() const {
  std::vector<prometheus::MetricFamily> families;
  impl_->counters.collect(families);
  impl_->gauges.collect(families);
  impl_->histograms.collect(families);
  // Collected by kind and by the order of hash maps; written by name and labels.
  std::sort(families.begin(), families.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (auto& family : families)
    std::sort(family.metric.begin(), family.metric.end(), [](const auto& a, const auto& b) { return a.label < b.label; });
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace trailwarden::metrics
