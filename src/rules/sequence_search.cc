#include "rules/sequence_search.h"

#include <algorithm>

namespace trailwarden::rules {
namespace {

/// The sources that a correlation asks for, not against, in their order.
std::vector<std::uint32_t> wanted_sources(const Correlation& correlation) {
  std::uint64_t unwanted = 0;
  const auto note = [&unwanted](const SourceCondition& part) {
    if (part.kind == SourceCondition::Kind::kNot) unwanted |= std::uint64_t{1} << part.parts.front().source;
  };
  if (correlation.condition) {
    note(*correlation.condition);
    std::for_each(correlation.condition->parts.begin(), correlation.condition->parts.end(), note);
  }
  std::vector<std::uint32_t> out;
  for (std::uint32_t source = 0; source < correlation.sources.size(); ++source)
    if ((unwanted >> source & 1) == 0) out.push_back(source);
  return out;
}

bool is_joined(const Join& join, std::uint32_t a, std::uint32_t b) {
  return (join.source == a && join.other_source == b) || (join.source == b && join.other_source == a);
}

}  // namespace

SequenceSearch::SequenceSearch(const Correlation& correlation, MatchWindow::Entries entries, const WindowEntry& arrived)
    : correlation_(correlation), entries_(entries), arrived_(arrived), steps_(wanted_sources(correlation)) {}

bool SequenceSearch::found() {
  if (correlation_.joins.empty() || steps_.empty()) return search(0);
  last_source_ = steps_.back();
  const WindowEntry* const arrived = arrived_in_window();
  if (arrived == nullptr || std::find(steps_.begin(), steps_.end(), arrived->source) == steps_.end()) return false;
  if (arrived->source == last_source_ && arrived->time != entries_.back().time) return false;
  put_in_order(arrived->source);
  chosen_.push_back(arrived);
  return search(1);
}

/// nullptr if it was dropped for want of room.
const WindowEntry* SequenceSearch::arrived_in_window() const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [this](const WindowEntry& entry) {
    return entry.time == arrived_.time && entry.source == arrived_.source && entry.event_id == arrived_.event_id;
  });
  return found == entries_.end() ? nullptr : &*found;
}

/// `first`, then always a source that is joined to one before it, if there is any.
void SequenceSearch::put_in_order(std::uint32_t first) {
  std::iter_swap(steps_.begin(), std::find(steps_.begin(), steps_.end(), first));
  for (auto next = steps_.begin() + 1; next != steps_.end(); ++next) {
    const auto is_joined_to_one_before = [&](std::uint32_t source) {
      return std::any_of(correlation_.joins.begin(), correlation_.joins.end(), [&](const Join& join) {
        return std::any_of(steps_.begin(), next, [&](std::uint32_t before) { return is_joined(join, before, source); });
      });
    };
    const auto joined = std::find_if(next, steps_.end(), is_joined_to_one_before);
    if (joined != steps_.end()) std::iter_swap(next, joined);
  }
}

bool SequenceSearch::search(std::size_t step) {
  if (step == steps_.size()) return true;
  const std::uint32_t source = steps_[step];
  Timestamp first = kBeginningOfTime, last = kEndOfTime;  // between those that are chosen for the sources before and behind
  for (const WindowEntry* const other : chosen_) {
    if (other->source < source) first = std::max(first, other->time);
    else last = std::min(last, other->time);
  }
  if (!correlation_.joins.empty() && source == last_source_) first = std::max(first, entries_.back().time);
  auto entry = std::lower_bound(entries_.begin(), entries_.end(), first, [](const WindowEntry& other, Timestamp time) { return other.time < time; });
  for (; entry != entries_.end() && (*entry).time <= last; ++entry) {
    if (++looked_at_ > kMaxSequenceSteps) return false;
    if ((*entry).source != source || !fits(*entry)) continue;
    chosen_.push_back(&*entry);
    const bool found = search(step + 1);
    chosen_.pop_back();
    // Without joins an earlier entry leaves all that a later one leaves, and more.
    if (found || gave_up() || correlation_.joins.empty()) return found;
  }
  return false;
}

bool SequenceSearch::fits(const WindowEntry& entry) const {
  const CorrelationSource& source = correlation_.sources[entry.source];
  for (const WindowEntry* const other : chosen_) {
    const CorrelationSource& other_source = correlation_.sources[other->source];
    const bool is_same_rule = source.is_correlation == other_source.is_correlation && source.index == other_source.index;
    if (is_same_rule && entry.event_id == other->event_id) return false;
  }
  return std::all_of(correlation_.joins.begin(), correlation_.joins.end(), [&](const Join& join) { return join_holds(join, entry); });
}

/// Whether what is joined is equal, as far as it was chosen.
bool SequenceSearch::join_holds(const Join& join, const WindowEntry& entry) const {
  const bool is_first = join.source == entry.source;
  if (!is_first && join.other_source != entry.source) return true;
  const WindowEntry* const other = chosen_of(is_first ? join.other_source : join.source);
  if (other == nullptr) return true;
  const std::uint32_t value = is_first ? join.value : join.other_value, other_value = is_first ? join.other_value : join.value;
  return value < entry.values.size() && other_value < other->values.size() && entry.values[value] == other->values[other_value];
}

const WindowEntry* SequenceSearch::chosen_of(std::uint32_t source) const {
  const auto found = std::find_if(chosen_.begin(), chosen_.end(), [source](const WindowEntry* entry) { return entry->source == source; });
  return found == chosen_.end() ? nullptr : *found;
}

}  // namespace trailwarden::rules
