#include "pipeline/totals.h"

#include <algorithm>
#include <numeric>

namespace trailwarden::pipeline {
namespace {

template <class Array>
void add_each(Array& to, const Array& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

}  // namespace

std::uint64_t Totals::refused_in_all() const { return std::accumulate(refused.begin(), refused.end(), std::uint64_t{0}); }

std::uint64_t Totals::skipped_in_all() const {
  return std::accumulate(skipped.begin(), skipped.end(), outside_time_range);
}

std::uint64_t Totals::starts() const {
  return std::accumulate(insights.begin(), insights.end(), std::uint64_t{0}, [](std::uint64_t sum, const InsightTotals& of_type) { return sum + of_type.starts; });
}

void KnobTotals::add(const KnobTotals& other) {
  of_account = std::max(of_account, other.of_account);
  of_cells += other.of_cells;
  silences += other.silences;
  add_each(directions, other.directions);
  add_each(allowed, other.allowed);
  if (other.least_alpha > 0) least_alpha = least_alpha == 0 ? other.least_alpha : std::min(least_alpha, other.least_alpha);
  most_alpha = std::max(most_alpha, other.most_alpha);
  expected_false += other.expected_false;
  judged_hours = std::max(judged_hours, other.judged_hours);
}

void Totals::add(const Totals& other) {
  static constexpr std::array kCounts{&Totals::messages, &Totals::message_bytes, &Totals::source_bytes, &Totals::read, &Totals::judged,
                                      &Totals::duplicate, &Totals::outside_time_range, &Totals::late, &Totals::late_over_two_hours,
                                      &Totals::clamped, &Totals::duplicate_keys, &Totals::settled_early, &Totals::cells, &Totals::state_bytes, &Totals::baseline_rows, &Totals::baseline_bytes,
                                      &Totals::open_incidents, &Totals::baseline_overflowed, &Totals::baseline_evicted};
  for (const auto count : kCounts) this->*count += other.*count;
  knob.add(other.knob);
  add_each(refused, other.refused);
  add_each(skipped, other.skipped);
  for (std::size_t i = 0; i < insights.size(); ++i) {
    insights[i].starts += other.insights[i].starts;
    insights[i].ends += other.insights[i].ends;
  }
  for (const auto& [rule, by_severity] : other.rules) add_each(rules[rule], by_severity);
  for (const auto& [suppression, by_severity] : other.hidden) add_each(hidden[suppression], by_severity);
  for (const auto& [rule, use] : other.correlations) correlations[rule].add(use);
  for (const auto& [name, theirs] : other.detectors) {
    DetectorTotals& ours = detectors[name];
    ours.evaluations += theirs.evaluations;
    ours.summaries += theirs.summaries;
    ours.folded += theirs.folded;
    add_each(ours.findings, theirs.findings);
  }
}

}  // namespace trailwarden::pipeline
