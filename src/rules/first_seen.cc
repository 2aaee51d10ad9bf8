#include "rules/first_seen.h"

#include <algorithm>
#include <utility>

#include "rules/result_id.h"

namespace trailwarden::rules {

void SeenValues::begin(Timestamp time) { begun_ = std::min(begun_, time); }

bool SeenValues::add(const Value& value, Timestamp time, std::chrono::seconds memory) {
  const auto [at, is_first] = last_seen_.try_emplace(value, time);
  const bool is_new = is_first || time >= at->second + memory;
  at->second = std::max(at->second, time);
  return is_new;
}

void SeenValues::shrink(std::size_t most) {
  if (last_seen_.size() <= most) return;
  std::vector<std::map<Value, Timestamp>::iterator> oldest;
  for (auto at = last_seen_.begin(); at != last_seen_.end(); ++at) oldest.push_back(at);
  const auto end = oldest.begin() + static_cast<std::ptrdiff_t>(last_seen_.size() - most);
  std::nth_element(oldest.begin(), end - 1, oldest.end(),
                   [](const auto& a, const auto& b) { return std::tie(a->second, a->first) < std::tie(b->second, b->first); });
  for (auto at = oldest.begin(); at != end; ++at) last_seen_.erase(*at);
}

std::size_t SeenValues::forget(const NamesWho& names) {
  return std::erase_if(last_seen_, [&names](const auto& seen) { return any_names(names, seen.first); });
}

void SeenValues::save(ByteWriter& out) const {
  out.time(begun_);
  out.number(static_cast<std::uint32_t>(last_seen_.size()));
  for (const auto& [value, time] : last_seen_) {
    out.number(static_cast<std::uint32_t>(value.size()));
    for (const std::string& part : value) out.text(part);
    out.time(time);
  }
}

void SeenValues::load(ByteReader& in) {
  *this = {};
  begun_ = in.time();
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    Value value;
    const auto parts = in.number<std::uint32_t>();
    for (std::uint32_t k = 0; k < parts && in.ok(); ++k) value.push_back(in.text());
    last_seen_.emplace(std::move(value), in.time());
  }
}

std::size_t SeenValues::memory_bytes() const {
  std::size_t total = last_seen_.size() * (sizeof(std::pair<Value, Timestamp>) + 4 * sizeof(void*));
  for (const auto& [value, time] : last_seen_) {
    total += value.capacity() * sizeof(std::string);
    for (const std::string& part : value) total += part.capacity() + 1;
  }
  return total;
}

void FirstSeen::observe(const Correlation& correlation, const CorrelationMatch& match, Timestamp watermark, std::vector<CorrelationResult>& out) {
  if (match.values.empty()) return;
  if (match.time < watermark) ++counters_.late;
  SeenValues& seen = groups_.touch(match.group, std::max(match.time, watermark));
  const std::size_t before = seen.size();
  seen.begin(match.time);
  const bool is_new = seen.add(match.values, match.time, correlation.timespan);
  if (const std::size_t most = correlation.limits.entries_per_group; seen.size() > most) {
    // An eighth at a time, so that looking for the oldest is seldom.
    counters_.dropped_entries += seen.size() - (most - most / 8);
    seen.shrink(most - most / 8);
  }
  const bool has_learned = match.time >= seen.begun() + correlation.learning;
  groups_.account(before);
  if (!is_new || !has_learned) return;
  std::string what = match.event_id;
  for (const std::string& value : match.values) what += std::to_string(value.size()) + ':' + value;
  out.push_back({.id = result_id(correlation, match.group, what),
                 .time = match.time,
                 .event_id = match.event_id,
                 .group = match.group,
                 .value = 1,
                 .event_ids = {match.event_id},
                 .values = match.values});
}

void FirstSeen::advance(const Correlation& correlation, Timestamp watermark, std::vector<CorrelationResult>&) {
  groups_.expire(watermark - correlation.timespan);
}

CorrelationCounters FirstSeen::counters() const {
  CorrelationCounters out = counters_;
  out.evicted_groups = groups_.evicted();
  return out;
}

void FirstSeen::save(ByteWriter& out) const {
  out.number(counters_.late);
  out.number(counters_.dropped_entries);
  groups_.save(out);
}

void FirstSeen::load(ByteReader& in, std::size_t group_parts) {
  counters_ = {};
  counters_.late = in.number<std::uint64_t>();
  counters_.dropped_entries = in.number<std::uint64_t>();
  groups_.load(in, group_parts);
}

}  // namespace trailwarden::rules
