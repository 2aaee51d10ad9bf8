#include "rules/window_value.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "rules/sequence_search.h"

namespace trailwarden::rules {
namespace {

using Type = CorrelationType;
using Entries = MatchWindow::Entries;

bool thresholds_hold(const Correlation& correlation, double value) {
  return std::all_of(correlation.thresholds.begin(), correlation.thresholds.end(), [value](const Threshold& threshold) { return threshold.holds(value); });
}

double different_values(Entries entries) {
  std::vector<const WindowEntry*> values;
  for (const WindowEntry& entry : entries)
    if (!entry.values.empty()) values.push_back(&entry);
  std::sort(values.begin(), values.end(), [](const auto* a, const auto* b) { return a->values_hash != b->values_hash ? a->values_hash < b->values_hash : a->values < b->values; });
  const auto end = std::unique(values.begin(), values.end(), [](const auto* a, const auto* b) { return a->values_hash == b->values_hash && a->values == b->values; });
  return static_cast<double>(end - values.begin());
}

// Numbers ----------------------------------------------------------------------------------------------------------------------------------------------------

std::optional<double> number_of(const WindowEntry& entry) {
  if (entry.values.empty()) return std::nullopt;
  const std::string& text = entry.values.front();
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

/// The value at a rank in percent, between two by linear interpolation.
double percentile_of(std::vector<double>& numbers, double rank) {
  std::sort(numbers.begin(), numbers.end());
  const double at = rank / 100 * static_cast<double>(numbers.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, numbers.size() - 1);
  return numbers[below] + (at - static_cast<double>(below)) * (numbers[above] - numbers[below]);
}

/// Numbers are added in the order of the window, which does not depend on the order of arrival.
std::optional<double> statistic(const Correlation& correlation, Entries entries) {
  std::vector<double> numbers;
  double sum = 0;
  for (const WindowEntry& entry : entries) {
    const auto number = number_of(entry);
    if (!number) continue;
    numbers.push_back(*number);
    sum += *number;
  }
  if (numbers.empty()) return std::nullopt;
  if (correlation.type == Type::kValueSum) return sum;
  if (correlation.type == Type::kValueAverage) return sum / static_cast<double>(numbers.size());
  return percentile_of(numbers, correlation.type == Type::kValueMedian ? 50 : correlation.percentile);
}

// Sources ----------------------------------------------------------------------------------------------------------------------------------------------------

std::uint64_t present_sources(Entries entries) {
  std::uint64_t present = 0;
  for (const WindowEntry& entry : entries) present |= std::uint64_t{1} << (entry.source & 63);  // a damaged state may hold any number
  return present;
}

/// How many sources have matches at times that do not decrease, in the order of the sources: the longest such row, entries of one second in any order.
std::size_t longest_row(std::size_t sources, Entries entries) {
  std::vector<std::size_t> longest(sources, 0);  // that ends with this source
  for (std::size_t i = 0; i < entries.size();) {
    const Timestamp second = entries[i].time;
    std::uint64_t present = 0;
    for (; i < entries.size() && entries[i].time == second; ++i) present |= std::uint64_t{1} << (entries[i].source & 63);
    std::size_t before = 0;
    for (std::size_t source = 0; source < sources; ++source) {
      if ((present >> source & 1) != 0) longest[source] = std::max(longest[source], before + 1);
      before = std::max(before, longest[source]);
    }
  }
  return longest.empty() ? 0 : *std::max_element(longest.begin(), longest.end());
}

WindowValue temporal(const Correlation& correlation, Entries entries) {
  const std::uint64_t present = present_sources(entries);
  const int count = std::popcount(present);
  const bool all_or_some =
      correlation.condition ? correlation.condition->holds(present) : !correlation.thresholds.empty() || count == std::ssize(correlation.sources);
  return {static_cast<double>(count), all_or_some && thresholds_hold(correlation, count)};
}

WindowValue temporal_ordered(const Correlation& correlation, Entries entries, const WindowEntry& arrived, std::uint64_t& gave_up) {
  if (!correlation.thresholds.empty() && !correlation.condition && correlation.joins.empty()) {
    const auto row = static_cast<double>(longest_row(correlation.sources.size(), entries));
    return {row, thresholds_hold(correlation, row)};
  }
  const std::uint64_t present = present_sources(entries);
  const int count = std::popcount(present);
  const bool can_hold = correlation.condition ? correlation.condition->holds(present) : count == std::ssize(correlation.sources);
  if (!can_hold || !thresholds_hold(correlation, count)) return {static_cast<double>(count), false};
  SequenceSearch search(correlation, entries, arrived);
  const bool found = search.found();
  if (search.gave_up()) ++gave_up;
  return {static_cast<double>(count), found};
}

}  // namespace

std::optional<WindowValue> window_value(const Correlation& correlation, MatchWindow::Entries entries, const WindowEntry& arrived, std::uint64_t& gave_up) {
  const auto of = [&correlation](double value) { return WindowValue{value, thresholds_hold(correlation, value)}; };
  switch (correlation.type) {
    case Type::kEventCount: return of(static_cast<double>(entries.size()));
    case Type::kValueCount: return of(different_values(entries));
    case Type::kTemporal: return temporal(correlation, entries);
    case Type::kTemporalOrdered: return temporal_ordered(correlation, entries, arrived, gave_up);
    default: break;
  }
  const auto value = statistic(correlation, entries);
  if (!value) return std::nullopt;
  return of(*value);
}

}  // namespace trailwarden::rules
