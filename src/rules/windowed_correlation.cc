#include "rules/windowed_correlation.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <utility>

#include "core/hash.h"
#include "rules/result_id.h"
#include "rules/window_value.h"

namespace trailwarden::rules {
namespace {

using Type = CorrelationType;

/// Keeps only what can change the count, where different things are counted.
std::unique_ptr<WindowEntry> thin(const Correlation& correlation, MatchWindow& window, const WindowEntry& entry) {
  if (correlation.type == Type::kValueCount)
    return window.thin(entry, correlation.timespan, [](const WindowEntry& a, const WindowEntry& b) { return a.values_hash == b.values_hash && a.values == b.values; });
  if (correlation.type == Type::kTemporal)
    return window.thin(entry, correlation.timespan, [](const WindowEntry& a, const WindowEntry& b) { return a.source == b.source; });
  return nullptr;
}

void fill(WindowEntry& entry, const CorrelationMatch& match, Timestamp kept_from) {
  entry.time = match.time;
  entry.kept_from = kept_from;
  entry.source = match.source;
  entry.values_hash = hash_of(match.values);
  entry.event_id = match.event_id;
  entry.values = match.values;
}

/// Whether some window among the entries may hold, as far as their number and sources tell.
bool can_hold(const Correlation& correlation, const MatchWindow& window) {
  const bool needs_all = (correlation.type == Type::kTemporal || correlation.type == Type::kTemporalOrdered) && !correlation.condition && correlation.thresholds.empty();
  if (needs_all) return std::popcount(window.sources()) == std::ssize(correlation.sources);
  if (correlation.type != Type::kEventCount && correlation.type != Type::kValueCount) return true;
  return std::none_of(correlation.thresholds.begin(), correlation.thresholds.end(), [&](const Threshold& threshold) {
    const bool asks_for_many = threshold.op == Threshold::Op::kAtLeast || threshold.op == Threshold::Op::kMore;
    return asks_for_many && static_cast<double>(window.size()) < threshold.number;
  });
}

/// What completed a window is the match that arrived, or else the last one of the window.
CorrelationResult make_result(const Correlation& correlation, const CorrelationMatch& match, MatchWindow::Entries entries, Timestamp end, double value) {
  CorrelationResult result;
  result.time = end;
  const bool is_arriving = end == match.time;
  result.event_id = is_arriving ? match.event_id : entries.back().event_id;
  result.values = is_arriving ? match.values : entries.back().values;
  result.group = match.group;
  result.value = value;
  const std::string& first = entries.empty() ? match.event_id : entries.front().event_id;
  result.id = result_id(correlation, match.group, first);
  for (const WindowEntry& entry : entries) {
    if (result.event_ids.size() == kMaxResultEvents - 1) break;
    if (entry.event_id != result.event_id && (result.event_ids.empty() || entry.event_id != result.event_ids.back()))
      result.event_ids.push_back(entry.event_id);
  }
  result.event_ids.push_back(result.event_id);
  return result;
}

}  // namespace

void WindowedCorrelation::observe(const Correlation& correlation, const CorrelationMatch& match, Timestamp watermark, std::vector<CorrelationResult>& out) {
  const bool is_counted_by_value = correlation.type == Type::kValueCount || (correlation.type >= Type::kValueSum && correlation.type <= Type::kValueMedian);
  if (is_counted_by_value && match.values.empty()) return;
  if (match.time < watermark) ++counters_.late;
  const Timestamp kept_from = std::max(match.time, watermark);
  MatchWindow& window = groups_.touch(match.group, kept_from);
  const std::size_t before = window.size();
  window.forget(watermark, correlation.timespan);
  std::unique_ptr<WindowEntry> made = spare_entry();
  fill(*made, match, kept_from);
  const WindowEntry& entry = *made;
  window.insert(std::move(made));
  std::unique_ptr<WindowEntry> thinned = thin(correlation, window, entry), dropped;  // either may be `entry`
  if (window.size() > correlation.limits.entries_per_group) {
    dropped = window.drop_oldest();
    ++counters_.dropped_entries;
  }
  window.drop_ends(correlation.limits.entries_per_group);
  if (can_hold(correlation, window)) judge(correlation, match, entry, watermark, window, out);
  groups_.account(before);
  if (thinned) give_back(std::move(thinned));
  if (dropped) give_back(std::move(dropped));
}

/// Gives the results of the windows that hold `entry`, which just came.
void WindowedCorrelation::judge(const Correlation& correlation, const CorrelationMatch& match, const WindowEntry& entry, Timestamp watermark, MatchWindow& window,
                                std::vector<CorrelationResult>& out) {
  for (const Timestamp end : window.ends(match.time, correlation.timespan)) {
    if (window.is_silent(end, correlation.timespan)) continue;
    const auto entries = window.window(end, correlation.timespan);
    const auto value = window_value(correlation, entries, entry, counters_.cut_searches);
    if (!value || !value->holds) continue;
    out.push_back(make_result(correlation, match, entries, end, value->value));
    window.add_result(end, std::max(end, watermark));
  }
}

void WindowedCorrelation::advance(const Correlation& correlation, Timestamp watermark, std::vector<CorrelationResult>&) {
  groups_.expire(watermark - correlation.timespan);
}

CorrelationCounters WindowedCorrelation::counters() const {
  CorrelationCounters out = counters_;
  out.evicted_groups = groups_.evicted();
  return out;
}

void WindowedCorrelation::save(ByteWriter& out) const {
  out.number(counters_.late);
  out.number(counters_.dropped_entries);
  out.number(counters_.cut_searches);
  groups_.save(out);
}

void WindowedCorrelation::load(ByteReader& in, std::size_t group_parts) {
  counters_ = {};
  counters_.late = in.number<std::uint64_t>();
  counters_.dropped_entries = in.number<std::uint64_t>();
  counters_.cut_searches = in.number<std::uint64_t>();
  groups_.load(in, group_parts);
}

}  // namespace trailwarden::rules
