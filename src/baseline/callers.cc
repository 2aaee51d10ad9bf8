#include "baseline/callers.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

#include "baseline/constants.h"
#include "baseline/saved_order.h"
#include "core/hash.h"

namespace trailwarden::baseline {

std::uint64_t Callers::key_of(std::uint64_t caller, std::uint32_t api) { return splitmix64(caller ^ api); }

Callers::Entry& Callers::entry_of(Minute& kept, std::uint64_t caller, std::uint32_t api) {
  const std::uint64_t key = key_of(caller, api);
  const std::uint32_t at = kept.index.find(key, [&](std::uint32_t i) { return kept.entries[i].caller == caller && kept.entries[i].api == api; });
  if (at != RowIndex::kNone) return kept.entries[at];
  kept.entries.push_back({caller, api, 0, 0});
  if (kept.entries.size() > room_) room_ = std::bit_ceil(kept.entries.size());
  kept.index.insert(static_cast<std::uint32_t>(kept.entries.size() - 1), [&](std::uint32_t i) { return key_of(kept.entries[i].caller, kept.entries[i].api); });
  return kept.entries.back();
}

void Callers::count(std::uint64_t caller, std::uint32_t api, bool failed, std::int64_t minute) {
  if (caller == 0) return;
  Minute& kept = minutes_[static_cast<std::size_t>(minute) % minutes_.size()];
  if (kept.minute != minute) kept.restart(minute, room_);
  Entry& entry = entry_of(kept, caller, api);
  ++entry.calls;
  entry.failures += failed ? 1 : 0;
}

const Callers::Minute* Callers::kept(std::int64_t minute) const {
  if (minute < 0) return nullptr;
  const Minute& kept = minutes_[static_cast<std::size_t>(minute) % minutes_.size()];
  return kept.minute == minute ? &kept : nullptr;
}

void Callers::close(std::int64_t minute) {
  if (since_ < 0) since_ = minute;
  if (const Minute* const closed = kept(minute)) {
    for (const Entry& entry : closed->entries) {
      const auto [known, is_new] = known_.try_emplace(entry.caller, Known{static_cast<std::int32_t>(minute), 0});
      known->second.last = static_cast<std::int32_t>(minute);
    }
  }
  if (minute % 60 == 59) evict();
}

/// Beyond the bound those go who have been away longest; were they to come back, they would be new.
void Callers::evict() {
  if (known_.size() <= kMostCallers) return;
  std::vector<std::pair<std::int32_t, std::uint64_t>> by_last;
  by_last.reserve(known_.size());
  for (const auto& [caller, known] : known_) by_last.emplace_back(known.last, caller);
  const auto kept = static_cast<std::ptrdiff_t>(by_last.size() - kMostCallers * 9 / 10);
  std::nth_element(by_last.begin(), by_last.begin() + kept, by_last.end());
  for (auto gone = by_last.begin(); gone != by_last.begin() + kept; ++gone) known_.erase(gone->second);
}

bool Callers::forget(std::uint64_t caller) {
  bool found = known_.erase(caller) > 0;
  for (Minute& kept : minutes_) {
    if (std::none_of(kept.entries.begin(), kept.entries.end(), [caller](const Entry& entry) { return entry.caller == caller; })) continue;
    found = true;
    Minute without{.minute = kept.minute, .entries = {}, .index = {}};
    for (const Entry& entry : kept.entries)
      if (entry.caller != caller) entry_of(without, entry.caller, entry.api) = entry;
    if (without.entries.empty()) without.minute = -1;
    kept = std::move(without);
  }
  return found;
}

void Callers::wake() {
  for (Minute& kept : minutes_) kept.restart(-1, room_);
}

/// Nobody: 0. The larger hash on ties.
std::uint64_t Callers::main_caller(std::uint32_t api, bool of_failures, std::int64_t minute) const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> counts;  // caller, calls
  for (std::int64_t m = minute - kCallerMinutes + 1; m <= minute; ++m) {
    const Minute* const of_minute = kept(m);
    if (of_minute == nullptr) continue;
    for (const Entry& entry : of_minute->entries)
      if (entry.api == api) counts.emplace_back(entry.caller, of_failures ? entry.failures : entry.calls);
  }
  std::sort(counts.begin(), counts.end());
  std::pair<std::uint64_t, std::uint64_t> most{0, 0};  // calls, caller
  for (std::size_t i = 0; i < counts.size();) {
    const std::uint64_t caller = counts[i].first;
    std::uint64_t calls = 0;
    for (; i < counts.size() && counts[i].first == caller; ++i) calls += counts[i].second;
    if (calls > 0) most = std::max(most, {calls, caller});
  }
  return most.second;
}

std::size_t Callers::apis_of(std::uint64_t caller, std::int64_t minute) const {
  std::vector<std::uint32_t> apis;
  for (std::int64_t m = minute - kCallerMinutes + 1; m <= minute; ++m)
    if (const Minute* const of_minute = kept(m))
      for (const Entry& entry : of_minute->entries)
        if (entry.caller == caller) apis.push_back(entry.api);
  std::sort(apis.begin(), apis.end());
  return static_cast<std::size_t>(std::unique(apis.begin(), apis.end()) - apis.begin());
}

double Callers::evidence(std::uint32_t api, bool of_failures, std::int64_t minute) const {
  const std::uint64_t caller = main_caller(api, of_failures, minute);
  if (caller == 0) return 0;
  const auto known = known_.find(caller);
  const std::int64_t first = known == known_.end() ? minute : known->second.first;  // the minute itself is not learned before it is judged
  const bool is_new = minute - first < kNewCallerMinutes && since_ >= 0 && minute - since_ >= kWatchedMinutes;
  return (is_new ? kCallerDecades : 0) - (apis_of(caller, minute) >= kManyApis ? kCallerDecades : 0);
}

bool Callers::is_on_one(std::uint32_t api, bool of_failures, std::int64_t minute) const {
  const std::uint64_t caller = main_caller(api, of_failures, minute);
  return caller == 0 || apis_of(caller, minute) <= 1;
}

std::size_t Callers::memory_bytes() const {
  std::size_t total = sizeof *this + known_.size() * 40 + known_.bucket_count() * sizeof(void*);
  for (const Minute& kept : minutes_) total += sizeof kept + kept.entries.capacity() * sizeof(Entry) + kept.index.memory_bytes();
  return total;
}

void Callers::save(ByteWriter& out, const SavedOrder& order, std::int64_t first_open) const {
  out.signed_number(since_);
  std::vector<std::pair<std::uint64_t, Known>> known(known_.begin(), known_.end());
  std::sort(known.begin(), known.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  out.number(static_cast<std::uint32_t>(known.size()));
  for (const auto& [caller, minutes] : known) {
    out.number(caller);
    out.signed_number(minutes.first);
    out.signed_number(minutes.last);
  }
  std::vector<const Minute*> kept;
  for (const Minute& minute : minutes_)
    if (minute.minute >= 0 && minute.minute + kCallerMinutes > first_open) kept.push_back(&minute);
  std::sort(kept.begin(), kept.end(), [](const Minute* a, const Minute* b) { return a->minute < b->minute; });
  out.number(static_cast<std::uint32_t>(kept.size()));
  for (const Minute* const minute : kept) {
    std::vector<Entry> entries = minute->entries;
    std::erase_if(entries, [&order](const Entry& entry) { return !order.has({SeriesKind::kCalls, entry.api}); });
    for (Entry& entry : entries) entry.api = order.place_of({SeriesKind::kCalls, entry.api});
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return std::tie(a.caller, a.api) < std::tie(b.caller, b.api); });
    out.signed_number(minute->minute);
    out.number(static_cast<std::uint32_t>(entries.size()));
    for (const Entry& entry : entries) {
      out.number(entry.caller);
      for (const std::uint32_t value : {entry.api, entry.calls, entry.failures}) out.number(value);
    }
  }
}

Result<void> Callers::load(ByteReader& in, std::uint32_t known_callers, std::uint32_t apis) {
  const auto malformed = [](const char* what) { return fail(ErrorCode::kMalformed, what); };
  since_ = in.signed_number();
  if (since_ < -1 || since_ > INT32_MAX) return malformed("watched since a minute that there is not");
  const auto known = in.number<std::uint32_t>();
  if (known != known_callers || !in.has(known, 24)) return malformed("callers end too early");
  for (std::uint32_t i = 0; i < known; ++i) {
    const auto caller = in.number<std::uint64_t>();
    const std::int64_t first = in.signed_number(), last = in.signed_number();
    if (caller == 0 || first < 0 || last < first || last > INT32_MAX) return malformed("a caller that is nobody, or known from minutes that there are not");
    if (!known_.try_emplace(caller, Known{static_cast<std::int32_t>(first), static_cast<std::int32_t>(last)}).second) return malformed("a caller twice");
  }
  const auto kept = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < kept && in.ok(); ++i) {
    const std::int64_t minute = in.signed_number();
    const auto entries = in.number<std::uint32_t>();
    if (minute < 0 || minute > INT32_MAX || !in.has(entries, 20)) return malformed("callers of a minute that there is not, or that end too early");
    Minute& of_minute = minutes_[static_cast<std::size_t>(minute) % minutes_.size()];
    of_minute.restart(minute, room_);
    for (std::uint32_t n = 0; n < entries; ++n) {
      const auto caller = in.number<std::uint64_t>();
      const auto api = in.number<std::uint32_t>(), calls = in.number<std::uint32_t>(), failures = in.number<std::uint32_t>();
      if (caller == 0 || api >= apis || calls == 0 || failures > calls) return malformed("calls of nobody, of an API that there is not, or none");
      Entry& entry = entry_of(of_minute, caller, api);
      if (entry.calls != 0) return malformed("a caller's API twice in a minute");
      entry.calls = calls;
      entry.failures = failures;
    }
  }
  return {};
}

}  // namespace trailwarden::baseline
