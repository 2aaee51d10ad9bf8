#include "app/summary.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace trailwarden::app {
namespace {

using event::Severity;
using nlohmann::ordered_json;

/// Calls `visit(name, count)` for every reason that occurred.
template <class Enum, class Counts, class Visit>
void each_reason(const Counts& counts, Visit visit) {
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] > 0) visit(to_string(static_cast<Enum>(i)), counts[i]);
}

template <class Visit>
void each_refusal(const pipeline::Totals& totals, Visit visit) {
  each_reason<event::Refusal>(totals.refused, visit);
}

template <class Visit>
void each_skip(const pipeline::Totals& totals, Visit visit) {
  each_reason<ingest::Skip>(totals.skipped, visit);
  if (totals.outside_time_range > 0) visit("outside_time_range", totals.outside_time_range);
}

std::uint64_t findings_of(const pipeline::DetectorTotals& detector) {
  return std::accumulate(detector.findings.begin(), detector.findings.end(), std::uint64_t{0});
}

std::string count_line(std::string_view name, std::uint64_t count, std::string_view remark = {}) {
  return fmt::format("  {:<24}{:>14}{}{}\n", name, with_commas(count), remark.empty() ? "" : "  ", remark);
}

std::string findings_table(const pipeline::Totals& totals) {
  std::string table = fmt::format("{:<26}{:>9}{:>9}{:>9}{:>9}{:>9}{:>12}\n", "Findings", "critical", "high", "medium", "low", "info", "repeats");
  for (const auto& [name, detector] : totals.detectors) {
    table += fmt::format("  {:<24}", name);
    for (const Severity severity : {Severity::kCritical, Severity::kHigh, Severity::kMedium, Severity::kLow, Severity::kInformational})
      table += fmt::format("{:>9}", with_commas(detector.findings[static_cast<std::size_t>(severity)]));
    table += fmt::format("{:>12}\n", with_commas(detector.folded));
  }
  return table;
}

/// The rules that found most, and what suppressions kept back.
std::string rules_table(const pipeline::Totals& totals) {
  constexpr std::size_t kShown = 10;
  const auto sum = [](const pipeline::BySeverity& findings) { return std::accumulate(findings.begin(), findings.end(), std::uint64_t{0}); };
  std::vector<std::pair<std::uint64_t, std::string_view>> rules;
  for (const auto& [rule, findings] : totals.rules) rules.emplace_back(sum(findings), rule);
  std::stable_sort(rules.begin(), rules.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string table;
  if (!rules.empty()) table += "\nRules with most findings\n";
  for (std::size_t i = 0; i < std::min(rules.size(), kShown); ++i) table += fmt::format("  {:<50}{:>9}\n", rules[i].second, with_commas(rules[i].first));
  if (rules.size() > kShown) table += fmt::format("  and {} more rules\n", rules.size() - kShown);
  std::uint64_t hidden = 0;
  for (const auto& [suppression, findings] : totals.hidden) hidden += sum(findings);
  if (hidden > 0) table += fmt::format("  {} findings hidden by {} suppressions: `trailwarden rules hidden` shows them\n", with_commas(hidden), totals.hidden.size());
  return table;
}

std::string insights_table(const pipeline::Totals& totals) {
  std::string table = fmt::format("{:<26}{:>9}{:>9}\n", "Insights", "start", "end");
  for (std::size_t i = 0; i < totals.insights.size(); ++i)
    table += fmt::format("  {:<24}{:>9}{:>9}\n", to_string(static_cast<event::InsightType>(i)), with_commas(totals.insights[i].starts),
                         with_commas(totals.insights[i].ends));
  table += fmt::format("  {} baselines, {}\n", with_commas(totals.baseline_rows), format_bytes(static_cast<double>(totals.baseline_bytes)));
  if (totals.baseline_overflowed + totals.baseline_evicted == 0) return table;
  return table + fmt::format("  too many series in an account and Region: {} calls counted as \"other APIs\", {} rarely called series forgotten\n",
                             with_commas(totals.baseline_overflowed), with_commas(totals.baseline_evicted));
}

double insights_of(std::uint64_t billionths) { return static_cast<double>(billionths) / pipeline::KnobTotals::kUnit; }

double per_week(double count, const pipeline::KnobTotals& knob) { return knob.judged_hours == 0 ? 0 : count / knob.weeks(); }

ordered_json knob_json(const pipeline::Totals& totals) {
  const pipeline::KnobTotals& knob = totals.knob;
  return {{"asked_per_account_week", insights_of(knob.of_account)},
          {"asked_per_week", insights_of(knob.of_cells)},
          {"allowed_upward_per_week", insights_of(knob.allowed[0])},
          {"allowed_downward_per_week", insights_of(knob.allowed[1])},
          {"silence_per_week", insights_of(knob.silences)},
          {"directions_up", knob.directions[0]},
          {"directions_down", knob.directions[1]},
          {"least_alpha_per_week", insights_of(knob.least_alpha)},
          {"most_alpha_per_week", insights_of(knob.most_alpha)},
          {"judged_hours", knob.judged_hours},
          {"expected_false", insights_of(knob.expected_false)},
          {"expected_false_per_week", per_week(insights_of(knob.expected_false), knob)},
          {"insights_per_week", per_week(static_cast<double>(totals.starts()), knob)}};
}

}  // namespace

std::uint64_t peak_rss_bytes() {
  // Not getrusage: its ru_maxrss keeps what the process that started this one had before exec.
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  return 0;
}

std::string knob_table(const pipeline::Totals& totals) {
  const pipeline::KnobTotals& knob = totals.knob;
  const auto line = [](std::string_view name, const std::string& value, const std::string& remark) { return fmt::format("  {:<24}{:>14}  {}\n", name, value, remark); };
  const auto number = [](double value) { return fmt::format("{:.3g}", value); };
  std::string table = "False Insights, a week\n";
  table += line("asked", number(insights_of(knob.of_account)), fmt::format("of an account; {} of these {} accounts x Regions, each by its Region's part", number(insights_of(knob.of_cells)), with_commas(totals.cells)));
  table += line("allowed now", number(insights_of(knob.allowed[0] + knob.allowed[1])),
                fmt::format("{} upwards, {} downwards; {} more are for silences of an account", number(insights_of(knob.allowed[0])), number(insights_of(knob.allowed[1])), number(insights_of(knob.silences))));
  table += line("under test now", with_commas(knob.directions[0] + knob.directions[1]),
                knob.most_alpha == 0 ? std::string("nothing is past its warm-up")
                                     : fmt::format("{} series upwards, {} downwards; threshold {} to {} each", with_commas(knob.directions[0]), with_commas(knob.directions[1]),
                                                   number(insights_of(knob.least_alpha)), number(insights_of(knob.most_alpha))));
  if (knob.judged_hours == 0) return table;
  table += line("expected", number(per_week(insights_of(knob.expected_false), knob)), fmt::format("{} in the {:.3g} weeks that were judged, by the thresholds as they were", number(insights_of(knob.expected_false)), knob.weeks()));
  return table + line("Insights", number(per_week(static_cast<double>(totals.starts()), knob)), fmt::format("{} in that time, true ones among them", with_commas(totals.starts())));
}

std::string summary_table(const RunSummary& summary) {
  const pipeline::Totals& totals = summary.totals;
  std::string table = fmt::format("\nRecords{}\n", summary.interrupted ? " (interrupted: only what was read so far)" : "");
  table += count_line("read", totals.read, fmt::format("from {} {}", with_commas(summary.origins), summary.origins == 1 ? "file" : "files"));
  table += count_line("judged", totals.judged);
  if (totals.late > 0) table += count_line("  of them late", totals.late, "their minute was closed: judged, but not learned from");
  table += count_line("duplicate", totals.duplicate);
  table += count_line("refused", totals.refused_in_all());
  each_refusal(totals, [&table](std::string_view name, std::uint64_t count) { table += count_line(fmt::format("  {}", name), count); });
  table += count_line("skipped", totals.skipped_in_all());
  each_skip(totals, [&table](std::string_view name, std::uint64_t count) { table += count_line(fmt::format("  {}", name), count); });
  table += "\n" + findings_table(totals) + rules_table(totals);
  table += "\n" + insights_table(totals);
  table += "\n" + knob_table(totals);
  table += fmt::format("\n{} records ({} of JSON) in {:.2f} s: {} records/s, {}/s; {} accounts x Regions, {} of state; peak memory {}\n",
                       with_commas(totals.read), format_bytes(static_cast<double>(totals.message_bytes)), summary.seconds,
                       with_commas(static_cast<std::uint64_t>(static_cast<double>(totals.read) / summary.seconds)),
                       format_bytes(static_cast<double>(totals.message_bytes) / summary.seconds), with_commas(totals.cells),
                       format_bytes(static_cast<double>(totals.state_bytes)), format_bytes(static_cast<double>(summary.peak_rss_bytes)));
  return table;
}

std::string summary_json(const RunSummary& summary) {
  const pipeline::Totals& totals = summary.totals;
  ordered_json refused = ordered_json::object(), skipped = ordered_json::object();
  each_refusal(totals, [&refused](std::string_view name, std::uint64_t count) { refused[std::string(name)] = count; });
  each_skip(totals, [&skipped](std::string_view name, std::uint64_t count) { skipped[std::string(name)] = count; });
  ordered_json findings = ordered_json::object(), by_severity = ordered_json::object(), repeats = ordered_json::object();
  for (const auto& [name, detector] : totals.detectors) {
    findings[std::string(name)] = findings_of(detector);
    repeats[std::string(name)] = detector.folded;
    for (std::size_t i = 0; i < event::kSeverities; ++i) {
      ordered_json& sum = by_severity[std::string(to_string(static_cast<Severity>(i)))];
      sum = (sum.is_null() ? 0 : sum.get<std::uint64_t>()) + detector.findings[i];
    }
  }
  ordered_json out;
  out["records"] = {{"read", totals.read},       {"judged", totals.judged}, {"duplicate", totals.duplicate}, {"refused", refused},
                    {"skipped", skipped},        {"late", totals.late},     {"late_over_2h", totals.late_over_two_hours},
                    {"event_time_clamped", totals.clamped}, {"duplicate_keys", totals.duplicate_keys}};
  out["findings"] = findings;
  out["findings_by_severity"] = by_severity;
  out["repeats_folded"] = repeats;
  const auto by_name = [](const std::map<std::string_view, pipeline::BySeverity>& counts) {
    ordered_json names = ordered_json::object();
    for (const auto& [name, by] : counts) names[std::string(name)] = std::accumulate(by.begin(), by.end(), std::uint64_t{0});
    return names;
  };
  out["findings_by_rule"] = by_name(totals.rules);
  out["hidden_by_suppression"] = by_name(totals.hidden);
  out["insights"] = ordered_json::object();
  for (std::size_t i = 0; i < totals.insights.size(); ++i)
    out["insights"][std::string(to_string(static_cast<event::InsightType>(i)))] = totals.insights[i].starts;
  out["insights_ended"] = totals.insights[0].ends + totals.insights[1].ends;
  out["open_incidents"] = totals.open_incidents;
  out["insights_budget"] = knob_json(totals);
  out["baseline_rows"] = totals.baseline_rows;
  out["baseline_overflow_events"] = totals.baseline_overflowed;
  out["baseline_rows_evicted"] = totals.baseline_evicted;
  out["baseline_bytes"] = totals.baseline_bytes;
  out["origins"] = summary.origins;
  out["source_bytes"] = totals.source_bytes;
  out["json_bytes"] = totals.message_bytes;
  out["cells"] = totals.cells;
  out["state_bytes"] = totals.state_bytes;
  out["seconds"] = summary.seconds;
  out["events_per_second"] = static_cast<double>(totals.read) / summary.seconds;
  out["peak_rss_bytes"] = summary.peak_rss_bytes;
  out["interrupted"] = summary.interrupted;
  return out.dump(2);
}

}  // namespace trailwarden::app
