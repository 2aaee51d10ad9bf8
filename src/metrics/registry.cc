#include "metrics/registry.h"

#include <algorithm>
#include <array>
#include <map>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "core/check.h"

namespace trailwarden::metrics {
namespace {

constexpr std::string_view kPrefix = "trailwarden_";

constexpr std::array kMetrics{
    MetricInfo{"alerts_suppressed_total", Kind::kCounter, "detector,reason", "Findings that were folded into another alert, by reason."},
    MetricInfo{"alerts_total", Kind::kCounter, "detector,severity", "Alerts written, by detector and severity."},
    MetricInfo{"baseline_bytes", Kind::kGauge, "", "Memory held by baselines."},
    MetricInfo{"baselines", Kind::kGauge, "state", "Series with a baseline, by state (quiet, incident)."},
    MetricInfo{"build_info", Kind::kGauge, "version,revision", "Always 1; the labels say which build this is."},
    MetricInfo{"cells", Kind::kGauge, "", "Pairs of account and Region with state."},
    MetricInfo{"detector_evaluations_total", Kind::kCounter, "detector", "Records that a detector looked at closely."},
    MetricInfo{"duplicate_keys_total", Kind::kCounter, "", "JSON members written more than once in a record; the last one counts."},
    MetricInfo{"event_time_clamped_total", Kind::kCounter, "reason", "Records whose eventTime was not taken at its word, by reason."},
    MetricInfo{"events_accepted_total", Kind::kCounter, "", "Records judged."},
    MetricInfo{"events_duplicate_total", Kind::kCounter, "", "Repeats of a record that was judged inside the lateness window."},
    MetricInfo{"events_late_total", Kind::kCounter, "class",
               "Records judged whose minute was already closed, by how late (late: at all; over_2h: of them, by more than two hours)."},
    MetricInfo{"events_rejected_total", Kind::kCounter, "reason", "Records refused, by reason."},
    MetricInfo{"events_settled_early_total", Kind::kCounter, "", "Records judged before their minute closed, because the settle buffer was full."},
    MetricInfo{"events_skipped_total", Kind::kCounter, "reason", "Records recognised and not judged, by reason."},
    MetricInfo{"incidents_open", Kind::kGauge, "", "Insights with a Start and no End yet."},
    MetricInfo{"insights_total", Kind::kCounter, "type,state", "Insights written, by type and state (start, end)."},
    MetricInfo{"record_bytes_consumed_total", Kind::kCounter, "topic", "Bytes of JSON read, inflated, by topic."},
    MetricInfo{"records_consumed_total", Kind::kCounter, "topic", "Records read, by topic."},
    MetricInfo{"state_bytes", Kind::kGauge, "", "Memory held by the state of all cells."},
};

/// The metric's row, which says the same of it as the caller.
const MetricInfo& info_of(std::string_view name, Kind kind, Labels labels) {
  const auto* const found = std::find_if(kMetrics.begin(), kMetrics.end(), [name](const MetricInfo& info) { return info.name == name; });
  TRAILWARDEN_CHECK(found != kMetrics.end() && found->kind == kind, "a metric is in the table of metrics, with its kind");
  std::string names;
  for (const auto& [label, value] : labels) names.append(names.empty() ? "" : ",").append(label);
  TRAILWARDEN_CHECK(names == found->labels, "a metric has the labels that the table gives it, in that order");
  return *found;
}

std::map<std::string, std::string> to_map(Labels labels) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : labels) out.emplace(name, value);
  return out;
}

}  // namespace

std::span<const MetricInfo> all_metrics() { return kMetrics; }

struct Registry::Impl {
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
};

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

void Registry::add(std::string_view name, Labels labels, double value) {
  const MetricInfo& info = info_of(name, Kind::kCounter, labels);
  auto& family = prometheus::BuildCounter().Name(std::string(kPrefix).append(name)).Help(std::string(info.help)).Register(impl_->registry);
  family.Add(to_map(labels)).Increment(value);
}

void Registry::set(std::string_view name, Labels labels, double value) {
  const MetricInfo& info = info_of(name, Kind::kGauge, labels);
  auto& family = prometheus::BuildGauge().Name(std::string(kPrefix).append(name)).Help(std::string(info.help)).Register(impl_->registry);
  family.Add(to_map(labels)).Set(value);
}

std::string Registry::text() const {
  auto families = impl_->registry.Collect();
  // Collected by the order of hash maps; written by name and labels.
  std::sort(families.begin(), families.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (auto& family : families)
    std::sort(family.metric.begin(), family.metric.end(), [](const auto& a, const auto& b) { return a.label < b.label; });
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace trailwarden::metrics
