#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "rules/correlation.h"
#include "rules/correlation_match.h"

// Correlations by brute force: every window is built anew from all matches and judged by the words of spec/sigma.md section 7. Shares nothing with the state
// machine but `Threshold` and `SourceCondition`.
namespace trailwarden::rules::oracle {

using Matches = std::vector<CorrelationMatch>;
using Group = std::vector<std::string>;

inline std::set<std::uint32_t> sources_in(const Matches& window) {
  std::set<std::uint32_t> out;
  for (const CorrelationMatch& match : window) out.insert(match.source);
  return out;
}

/// Whether matches of the sources from `next` on can be chosen at times that do not decrease, with joins that hold; with joins, so that the last of them is at `end`.
/// Tries every choice.
inline bool has_sequence(const Correlation& correlation, const Matches& window, Timestamp end, std::uint32_t next, std::vector<const CorrelationMatch*>& chosen) {
  if (next == correlation.sources.size()) {
    if (!correlation.joins.empty() && chosen.back()->time != end) return false;
    return std::all_of(correlation.joins.begin(), correlation.joins.end(), [&](const Join& join) {
      const auto &a = chosen[join.source]->values, &b = chosen[join.other_source]->values;
      return join.value < a.size() && join.other_value < b.size() && a[join.value] == b[join.other_value];
    });
  }
  for (const CorrelationMatch& match : window) {
    if (match.source != next || (next > 0 && match.time < chosen.back()->time)) continue;
    chosen.push_back(&match);
    const bool found = has_sequence(correlation, window, end, next + 1, chosen);
    chosen.pop_back();
    if (found) return true;
  }
  return false;
}

/// The most sources that have matches at times that do not decrease, in the order of the sources.
inline std::size_t longest_row(std::size_t sources, const Matches& window) {
  std::size_t best = 0;
  for (std::uint32_t subset = 0; subset < 1U << sources; ++subset) {
    Timestamp time = kBeginningOfTime;
    std::size_t length = 0;
    bool fits = true;
    for (std::uint32_t source = 0; source < sources && fits; ++source) {
      if ((subset >> source & 1) == 0) continue;
      Timestamp earliest = kEndOfTime;
      for (const CorrelationMatch& match : window)
        if (match.source == source && match.time >= time) earliest = std::min(earliest, match.time);
      fits = earliest != kEndOfTime;
      time = earliest;
      ++length;
    }
    if (fits) best = std::max(best, length);
  }
  return best;
}

inline bool thresholds_hold(const Correlation& correlation, double value) {
  return std::all_of(correlation.thresholds.begin(), correlation.thresholds.end(), [value](const Threshold& threshold) { return threshold.holds(value); });
}

/// The value of a window, and whether it holds; nullopt without a value.
inline std::optional<std::pair<double, bool>> judge(const Correlation& correlation, const Matches& window, Timestamp end) {
  const auto all_sources = static_cast<double>(correlation.sources.size());
  const auto sources = static_cast<double>(sources_in(window).size());
  const auto of = [&](double value) { return std::pair{value, thresholds_hold(correlation, value)}; };
  std::vector<double> numbers;
  std::set<std::vector<std::string>> values;
  for (const CorrelationMatch& match : window) {
    if (match.values.empty()) continue;
    values.insert(match.values);
    if (match.values[0].find_first_not_of("0123456789") == std::string::npos) numbers.push_back(std::stod(match.values[0]));
  }
  std::sort(numbers.begin(), numbers.end());
  double sum = 0;
  for (const double number : numbers) sum += number;
  const auto at_rank = [&](double percent) {
    const double rank = percent / 100 * static_cast<double>(numbers.size() - 1);
    const double below = std::floor(rank), share = rank - below;
    const double low = numbers[static_cast<std::size_t>(below)], high = numbers[static_cast<std::size_t>(std::ceil(rank))];
    return low + share * (high - low);
  };
  std::vector<const CorrelationMatch*> chosen;
  switch (correlation.type) {
    case CorrelationType::kEventCount: return of(static_cast<double>(window.size()));
    case CorrelationType::kValueCount: return of(static_cast<double>(values.size()));
    case CorrelationType::kTemporal: {
      std::uint64_t present = 0;
      for (const std::uint32_t source : sources_in(window)) present |= std::uint64_t{1} << source;
      if (correlation.condition) return std::pair{sources, correlation.condition->holds(present)};
      return correlation.thresholds.empty() ? std::pair{sources, sources == all_sources} : of(sources);
    }
    case CorrelationType::kTemporalOrdered:
      if (!correlation.thresholds.empty()) return of(static_cast<double>(longest_row(correlation.sources.size(), window)));
      return std::pair{sources, has_sequence(correlation, window, end, 0, chosen)};
    default: break;
  }
  if (numbers.empty()) return std::nullopt;
  if (correlation.type == CorrelationType::kValueSum) return of(sum);
  if (correlation.type == CorrelationType::kValueAverage) return of(sum / static_cast<double>(numbers.size()));
  return of(at_rank(correlation.type == CorrelationType::kValueMedian ? 50 : correlation.percentile));
}

inline bool is_over_values(CorrelationType type) { return type == CorrelationType::kValueCount || type >= CorrelationType::kValueSum; }

/// The first `count` matches of a group that lie in (end - timespan, end].
inline Matches window_of(const Correlation& correlation, const Matches& matches, std::size_t count, const Group& group, Timestamp end) {
  Matches out;
  for (std::size_t i = 0; i < count; ++i) {
    const CorrelationMatch& match = matches[i];
    if (is_over_values(correlation.type) && match.values.empty()) continue;
    if (match.group == group && match.time > end - correlation.timespan && match.time <= end) out.push_back(match);
  }
  return out;
}

struct Found {
  Timestamp time{};
  std::string event_id;
  Group group;
  double value = 0;
  auto operator<=>(const Found&) const = default;
};

/// The results of matches in the order of event time.
inline std::vector<Found> ordered_results(const Correlation& correlation, const Matches& matches) {
  std::vector<Found> out;
  std::map<Group, Timestamp> last;
  for (std::size_t i = 0; i < matches.size(); ++i) {
    const CorrelationMatch& match = matches[i];
    if (is_over_values(correlation.type) && match.values.empty()) continue;
    const auto previous = last.find(match.group);
    if (previous != last.end() && match.time < previous->second + correlation.timespan) continue;
    const auto value = judge(correlation, window_of(correlation, matches, i + 1, match.group, match.time), match.time);
    if (!value || !value->second) continue;
    out.push_back({match.time, match.event_id, match.group, value->first});
    last[match.group] = match.time;
  }
  return out;
}

/// For each group the seconds at which its windows hold over all matches.
inline std::map<Group, std::set<Timestamp>> holding_seconds(const Correlation& correlation, const Matches& matches) {
  std::map<Group, std::set<Timestamp>> out;
  for (const CorrelationMatch& match : matches) {
    if (is_over_values(correlation.type) && match.values.empty()) continue;
    const auto value = judge(correlation, window_of(correlation, matches, matches.size(), match.group, match.time), match.time);
    if (value && value->second) out[match.group].insert(match.time);
  }
  return out;
}

/// Random numbers that are the same on every machine.
class Dice {
 public:
  explicit Dice(std::uint32_t seed) : engine_(seed) {}
  std::uint32_t roll(std::uint32_t sides) { return static_cast<std::uint32_t>(engine_() % sides); }

 private:
  std::mt19937 engine_;
};

struct Stream {
  std::uint32_t sources = 1, groups = 3, values = 4;
  std::uint32_t length = 60, seconds = 300;
  bool with_gaps = true;  // some matches have no value
};

/// Matches in the order of event time.
inline Matches random_matches(const Stream& stream, Dice& dice) {
  Matches out;
  for (std::uint32_t i = 0; i < stream.length; ++i) {
    CorrelationMatch match;
    match.source = dice.roll(stream.sources);
    match.time = Timestamp{std::chrono::seconds{1'700'000'000 + dice.roll(stream.seconds)}};
    match.group = {"g" + std::to_string(dice.roll(stream.groups))};
    if (!stream.with_gaps || dice.roll(8) != 0) match.values = {std::to_string(dice.roll(stream.values)), std::to_string(dice.roll(2))};
    out.push_back(std::move(match));
  }
  std::stable_sort(out.begin(), out.end(), [](const CorrelationMatch& a, const CorrelationMatch& b) { return a.time < b.time; });
  for (std::size_t i = 0; i < out.size(); ++i) out[i].event_id = "e" + std::to_string(1000 + i);
  return out;
}

/// The same matches as they arrive when each is up to `lateness` late.
inline Matches delayed(const Matches& matches, std::chrono::seconds lateness, Dice& dice) {
  std::vector<std::pair<Timestamp, std::size_t>> arrivals;
  for (std::size_t i = 0; i < matches.size(); ++i)
    arrivals.emplace_back(matches[i].time + std::chrono::seconds(dice.roll(static_cast<std::uint32_t>(lateness.count()))), i);
  std::sort(arrivals.begin(), arrivals.end());
  Matches out;
  for (const auto& [arrival, i] : arrivals) out.push_back(matches[i]);
  return out;
}

}  // namespace trailwarden::rules::oracle
