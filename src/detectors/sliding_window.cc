#include "detectors/sliding_window.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace trailwarden::detectors {

void SlidingWindow::add(Call call, std::size_t enough) {
  const auto place = std::upper_bound(calls_.begin(), calls_.end(), call.time, [](Timestamp time, const Call& other) { return time < other.time; });
  const auto added = calls_.insert(place, std::move(call));
  if (counting_ == Counting::kTargets) drop_between(static_cast<std::size_t>(added - calls_.begin()));
  drop_oldest(enough);
}

/// Drops calls on the target of the one just added that lie between two others on it within kShortest.
void SlidingWindow::drop_between(std::size_t added) {
  const std::string target = calls_[added].target;
  std::vector<std::size_t> same;
  for (std::size_t i = 0; i < calls_.size(); ++i)
    if (calls_[i].target == target) same.push_back(i);
  for (std::size_t i = same.size(); i-- > 2;) {
    if (calls_[same[i]].time - calls_[same[i - 2]].time > kShortest) continue;
    calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(same[i - 1]));
    return;  // they were thin before, so one call makes one too many at most
  }
}

void SlidingWindow::drop_oldest(std::size_t enough) {
  std::size_t kept = 0;
  std::set<std::string_view> targets;
  const Timestamp newest = calls_.back().time;
  while (kept < calls_.size()) {
    const Call& call = calls_[calls_.size() - 1 - kept];
    if (call.time <= newest - kKept) break;
    if ((counting_ == Counting::kCalls ? kept : targets.size()) >= enough) {
      forgotten_ = std::max(forgotten_, call.time);
      break;
    }
    if (counting_ == Counting::kTargets) targets.insert(call.target);
    ++kept;
  }
  calls_.erase(calls_.begin(), calls_.end() - static_cast<std::ptrdiff_t>(kept));
}

std::optional<SlidingWindow::Crossing> SlidingWindow::crossing(Timestamp at, std::chrono::seconds window, std::size_t limit) const {
  const auto before = [](Timestamp time, const Call& call) { return time < call.time; };
  // No window that holds `at` reaches back further than this.
  std::size_t first = static_cast<std::size_t>(std::upper_bound(calls_.begin(), calls_.end(), at - window, before) - calls_.begin());
  std::map<std::string_view, std::size_t> targets;
  for (std::size_t last = first; last < calls_.size() && calls_[last].time < at + window; ++last) {
    if (counting_ == Counting::kTargets) ++targets[calls_[last].target];
    for (; calls_[first].time <= calls_[last].time - window; ++first) {
      if (counting_ == Counting::kCalls) continue;
      const auto left = targets.find(calls_[first].target);
      if (--left->second == 0) targets.erase(left);
    }
    const bool ends_here = last + 1 == calls_.size() || calls_[last + 1].time != calls_[last].time;
    if (!ends_here || calls_[last].time < at) continue;
    const std::size_t count = counting_ == Counting::kTargets ? targets.size() : last + 1 - first;
    if (count >= limit) return Crossing{count, forgotten_ > calls_[last].time - window, std::span(calls_).subspan(first, last + 1 - first)};
  }
  return std::nullopt;
}

void SlidingWindow::save(ByteWriter& out) const {
  out.time(forgotten_);
  out.number(static_cast<std::uint32_t>(calls_.size()));
  for (const Call& call : calls_) {
    out.time(call.time);
    out.text(call.target);
    event::save(out, call.evidence);
  }
}

void SlidingWindow::load(ByteReader& in) {
  calls_.clear();
  forgotten_ = in.time();
  const auto size = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < size && in.ok(); ++i) {
    Call call;
    call.time = in.time();
    call.target = in.text();
    call.evidence = event::load_evidence(in);
    calls_.push_back(std::move(call));
  }
}

std::size_t SlidingWindow::memory_bytes() const {
  std::size_t total = calls_.capacity() * sizeof(Call);
  for (const Call& call : calls_)
    for (const std::string* text : {&call.target, &call.evidence.event_id, &call.evidence.event_source, &call.evidence.event_name, &call.evidence.origin})
      total += text->capacity() + 1;
  return total;
}

}  // namespace trailwarden::detectors
