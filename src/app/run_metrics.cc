#include "app/run_metrics.h"

#include <librdkafka/rdkafka.h>

#include "core/version.h"
#include "metrics/registry.h"

namespace trailwarden::app {
namespace {

double number(std::uint64_t count) { return static_cast<double>(count); }

/// A series for every reason there is, also for those that did not occur: an alert rule can then ask for their increase.
template <class Enum, class Counts>
void add_reasons(metrics::Registry& registry, std::string_view metric, const Counts& counts, std::size_t first) {
  for (std::size_t i = first; i < counts.size(); ++i) registry.add(metric, {{"reason", to_string(static_cast<Enum>(i))}}, number(counts[i]));
}

void add_detector(metrics::Registry& registry, std::string_view name, const pipeline::DetectorTotals& detector) {
  registry.add("detector_evaluations_total", {{"detector", name}}, number(detector.evaluations));
  registry.add("alerts_suppressed_total", {{"detector", name}, {"reason", "quiet"}}, number(detector.folded));
  for (std::size_t i = 0; i < event::kSeverities; ++i)
    registry.add("alerts_total", {{"detector", name}, {"severity", to_string(static_cast<event::Severity>(i))}}, number(detector.findings[i]));
}

/// Only what occurred: there are hundreds of rules.
void add_severities(metrics::Registry& registry, std::string_view metric, std::pair<std::string_view, std::string_view> of, const pipeline::BySeverity& findings) {
  for (std::size_t i = 0; i < event::kSeverities; ++i)
    if (findings[i] > 0) registry.add(metric, {of, {"severity", to_string(static_cast<event::Severity>(i))}}, number(findings[i]));
}

void add_correlation(metrics::Registry& registry, std::string_view rule, const detectors::CorrelationUse& use) {
  registry.set("rule_groups", {{"rule", rule}}, number(use.groups));
  const auto dropped = [&](std::string_view what, std::uint64_t count) { registry.add("rule_state_dropped_total", {{"rule", rule}, {"what", what}}, number(count)); };
  dropped("groups", use.evicted_groups);
  dropped("matches", use.dropped_matches);
  dropped("cut", use.cut_searches);
  dropped("late", use.late);
}

/// The knob: asked, and got.
void add_knob(metrics::Registry& registry, const pipeline::Totals& totals) {
  const pipeline::KnobTotals& knob = totals.knob;
  const auto insights = [](std::uint64_t billionths) { return number(billionths) / pipeline::KnobTotals::kUnit; };
  const auto budget = [&](std::string_view part, std::uint64_t value) { registry.set("insights_budget_per_week", {{"part", part}}, insights(value)); };
  budget("account", knob.of_account);
  budget("all", knob.of_cells);
  budget("upward", knob.allowed[0]);
  budget("downward", knob.allowed[1]);
  budget("silence", knob.silences);
  registry.set("insights_directions_under_test", {{"direction", "up"}}, number(knob.directions[0]));
  registry.set("insights_directions_under_test", {{"direction", "down"}}, number(knob.directions[1]));
  registry.set("insights_alpha_per_week", {{"bound", "least"}}, insights(knob.least_alpha));
  registry.set("insights_alpha_per_week", {{"bound", "most"}}, insights(knob.most_alpha));
  registry.add("insights_expected_false_total", {}, insights(knob.expected_false));
  registry.set("insights_judged_seconds", {}, number(knob.judged_hours) * 3600);
  registry.set("insights_realised_per_week", {}, knob.judged_hours == 0 ? 0 : number(totals.starts()) / knob.weeks());
}

}  // namespace

std::string run_metrics(const pipeline::Totals& totals, std::string_view topic) {
  metrics::Registry registry;
  registry.set("build_info", {{"version", TRAILWARDEN_VERSION}, {"revision", TRAILWARDEN_REVISION}, {"librdkafka", rd_kafka_version_str()}}, 1);
  if (!topic.empty()) {
    registry.add("records_consumed_total", {{"topic", topic}}, number(totals.read));
    registry.add("record_bytes_consumed_total", {{"topic", topic}}, number(totals.message_bytes));
  }
  registry.add("events_accepted_total", {}, number(totals.judged));
  registry.add("events_duplicate_total", {}, number(totals.duplicate));
  registry.add("events_late_total", {{"class", "late"}}, number(totals.late));
  registry.add("events_late_total", {{"class", "over_2h"}}, number(totals.late_over_two_hours));
  registry.add("event_time_clamped_total", {{"reason", "ahead_of_log"}}, number(totals.clamped));
  registry.add("duplicate_keys_total", {}, number(totals.duplicate_keys));
  registry.add("events_settled_early_total", {}, number(totals.settled_early));
  registry.set("cells", {}, number(totals.cells));
  registry.set("state_bytes", {}, number(totals.state_bytes));
  add_reasons<event::Refusal>(registry, "events_rejected_total", totals.refused, 1);
  add_reasons<ingest::Skip>(registry, "events_skipped_total", totals.skipped, 0);
  if (topic.empty()) {  // the service: everything refused is a dead letter, and what an operator took out of the way
    add_reasons<event::Refusal>(registry, "dead_letters_total", totals.refused, 1);
    registry.add("dead_letters_total", {{"reason", to_string(ingest::Skip::kByOperator)}}, number(totals.skipped[static_cast<std::size_t>(ingest::Skip::kByOperator)]));
  }
  registry.add("events_skipped_total", {{"reason", "outside_time_range"}}, number(totals.outside_time_range));
  for (std::size_t i = 0; i < totals.insights.size(); ++i) {
    const std::string_view type = to_string(static_cast<event::InsightType>(i));
    registry.add("insights_total", {{"type", type}, {"state", "start"}}, number(totals.insights[i].starts));
    registry.add("insights_total", {{"type", type}, {"state", "end"}}, number(totals.insights[i].ends));
  }
  add_knob(registry, totals);
  registry.set("baselines", {{"state", "incident"}}, number(totals.open_incidents));
  registry.set("baselines", {{"state", "quiet"}}, number(totals.baseline_rows - totals.open_incidents));
  registry.set("baseline_bytes", {}, number(totals.baseline_bytes));
  registry.add("baseline_overflow_events_total", {}, number(totals.baseline_overflowed));
  registry.add("baseline_rows_evicted_total", {}, number(totals.baseline_evicted));
  registry.set("incidents_open", {}, number(totals.open_incidents));
  for (const auto& [name, detector] : totals.detectors) add_detector(registry, name, detector);
  for (const auto& [rule, findings] : totals.rules) add_severities(registry, "rule_findings_total", {"rule", rule}, findings);
  for (const auto& [suppression, findings] : totals.hidden) add_severities(registry, "findings_hidden_total", {"suppression", suppression}, findings);
  for (const auto& [rule, use] : totals.correlations) add_correlation(registry, rule, use);
  return registry.text();
}

}  // namespace trailwarden::app
