#include "rules/absence.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "rules/result_id.h"

namespace trailwarden::rules {
namespace {

constexpr std::uint32_t kFirst = 0;  // source

void insert(std::vector<WindowEntry>& entries, WindowEntry entry) {
  const auto before = [](const WindowEntry& a, const WindowEntry& b) { return std::tie(a.time, a.event_id) < std::tie(b.time, b.event_id); };
  entries.insert(std::upper_bound(entries.begin(), entries.end(), entry, before), std::move(entry));
}

/// Whether `follower` is what `first` waits for: within the timespan, with equal values where they are joined.
bool follows(const Correlation& correlation, const WindowEntry& follower, const WindowEntry& first) {
  if (follower.time < first.time || follower.time >= first.time + correlation.timespan) return false;
  return std::all_of(correlation.joins.begin(), correlation.joins.end(), [&](const Join& join) {
    const std::uint32_t of_first = join.source == kFirst ? join.value : join.other_value;
    const std::uint32_t of_follower = join.source == kFirst ? join.other_value : join.value;
    return of_first < first.values.size() && of_follower < follower.values.size() && first.values[of_first] == follower.values[of_follower];
  });
}

void save_entries(ByteWriter& out, const std::vector<WindowEntry>& entries) {
  out.number(static_cast<std::uint32_t>(entries.size()));
  for (const WindowEntry& entry : entries) save(out, entry);
}

void load_entries(ByteReader& in, std::vector<WindowEntry>& entries) {
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) entries.push_back(load_window_entry(in));
}

}  // namespace

std::size_t WaitingMatches::forget(const NamesWho& names) {
  const auto is_theirs = [&names](const WindowEntry& entry) { return any_names(names, entry.values); };
  return std::erase_if(waiting, is_theirs) + std::erase_if(followers, is_theirs);
}

void WaitingMatches::save(ByteWriter& out) const {
  save_entries(out, waiting);
  save_entries(out, followers);
  out.time(last_result);
}

void WaitingMatches::load(ByteReader& in) {
  *this = {};
  load_entries(in, waiting);
  load_entries(in, followers);
  last_result = in.time();
}

std::size_t WaitingMatches::memory_bytes() const {
  std::size_t total = (waiting.capacity() + followers.capacity()) * sizeof(WindowEntry);
  for (const auto* entries : {&waiting, &followers})
    for (const WindowEntry& entry : *entries) total += rules::memory_bytes(entry);
  return total;
}

void Absence::observe(const Correlation& correlation, const CorrelationMatch& match, Timestamp watermark, std::vector<CorrelationResult>&) {
  if (match.time < watermark) {  // what followed it may have been forgotten
    ++counters_.late;
    return;
  }
  WaitingMatches& group = groups_.touch(match.group, match.time);
  const std::size_t before = group.size();
  std::erase_if(group.followers, [watermark](const WindowEntry& follower) { return follower.time < watermark; });
  WindowEntry entry{match.time, match.time, match.source, hash_of(match.values), match.event_id, match.values};
  if (match.source == kFirst) {
    const bool is_followed =
        std::any_of(group.followers.begin(), group.followers.end(), [&](const WindowEntry& follower) { return follows(correlation, follower, entry); });
    if (!is_followed) insert(group.waiting, std::move(entry));
  } else {
    std::erase_if(group.waiting, [&](const WindowEntry& first) { return follows(correlation, entry, first); });
    insert(group.followers, std::move(entry));
  }
  if (group.size() > correlation.limits.entries_per_group) {
    std::vector<WindowEntry>& longer = group.waiting.size() >= group.followers.size() ? group.waiting : group.followers;
    longer.erase(longer.begin());
    ++counters_.dropped_entries;
  }
  groups_.account(before);
}

/// Gives the results of all groups in the order in which their time ran out.
void Absence::advance(const Correlation& correlation, Timestamp watermark, std::vector<CorrelationResult>& out) {
  const std::size_t first_new = out.size();
  groups_.for_each([&](const std::vector<std::string>& key, WaitingMatches& group) {
    auto& waiting = group.waiting;
    const auto over = std::find_if(waiting.begin(), waiting.end(), [&](const WindowEntry& first) { return first.time + correlation.timespan > watermark; });
    for (auto first = waiting.begin(); first != over; ++first) {
      if (first->time < group.last_result + correlation.timespan) continue;
      group.last_result = first->time;
      out.push_back({.id = result_id(correlation, key, first->event_id),
                     .time = first->time + correlation.timespan,
                     .event_id = first->event_id,
                     .group = key,
                     .value = 1,
                     .event_ids = {first->event_id},
                     .values = first->values});
    }
    waiting.erase(waiting.begin(), over);
  });
  std::sort(out.begin() + static_cast<std::ptrdiff_t>(first_new), out.end(),
            [](const CorrelationResult& a, const CorrelationResult& b) { return std::tie(a.time, a.group, a.id) < std::tie(b.time, b.group, b.id); });
  groups_.expire(watermark - 2 * correlation.timespan);  // by then what waited is decided, and its silence over
}

CorrelationCounters Absence::counters() const {
  CorrelationCounters out = counters_;
  out.evicted_groups = groups_.evicted();
  return out;
}

void Absence::save(ByteWriter& out) const {
  out.number(counters_.late);
  out.number(counters_.dropped_entries);
  groups_.save(out);
}

void Absence::load(ByteReader& in, std::size_t group_parts) {
  counters_ = {};
  counters_.late = in.number<std::uint64_t>();
  counters_.dropped_entries = in.number<std::uint64_t>();
  groups_.load(in, group_parts);
}

}  // namespace trailwarden::rules
