#include "pipeline/dedup_window.h"

#include <algorithm>
#include <optional>

namespace trailwarden::pipeline {

bool DedupWindow::MinuteSet::insert(std::uint64_t id) {
  id += id == 0 ? 1 : 0;  // 0 marks a free place
  if (2 * (count + 1) > table.size()) grow();
  const std::size_t mask = table.size() - 1;
  for (std::size_t place = id & mask;; place = (place + 1) & mask) {
    if (table[place] == id) return false;
    if (table[place] != 0) continue;
    table[place] = id;
    ++count;
    return true;
  }
}

void DedupWindow::MinuteSet::grow() {
  std::vector<std::uint64_t> old(std::max<std::size_t>(16, 2 * table.size()), 0);
  old.swap(table);
  count = 0;
  for (const std::uint64_t id : old)
    if (id != 0) insert(id);
}

void DedupWindow::MinuteSet::clear(std::int64_t new_minute) {
  minute = new_minute;
  // A table that one busy minute left behind is given back when eight times too large for the minute that ends here.
  if (count > 0 && table.size() > 64 && count * 16 < table.size()) table = {};
  std::fill(table.begin(), table.end(), 0);
  count = 0;
}

DedupWindow::MinuteSet& DedupWindow::set_of(std::int64_t minute) {
  const auto size = static_cast<std::int64_t>(ring_.size());
  MinuteSet& set = ring_[static_cast<std::size_t>(((minute % size) + size) % size)];
  if (set.minute != minute) set.clear(minute);
  return set;
}

bool DedupWindow::insert(std::int64_t minute, std::uint64_t id_hash) { return set_of(minute).insert(id_hash); }

void DedupWindow::close_before(std::int64_t minute) {
  for (MinuteSet& set : ring_)
    if (set.count > 0 && set.minute < minute) set.clear(INT64_MIN);
}

void DedupWindow::save(ByteWriter& out) const {
  std::vector<const MinuteSet*> sets;
  for (const MinuteSet& set : ring_)
    if (set.count > 0) sets.push_back(&set);
  std::sort(sets.begin(), sets.end(), [](const MinuteSet* a, const MinuteSet* b) { return a->minute < b->minute; });
  out.number(static_cast<std::uint32_t>(sets.size()));
  for (const MinuteSet* set : sets) {
    std::vector<std::uint64_t> ids;
    std::copy_if(set->table.begin(), set->table.end(), std::back_inserter(ids), [](std::uint64_t id) { return id != 0; });
    std::sort(ids.begin(), ids.end());  // the same set, the same bytes
    out.signed_number(set->minute);
    out.number(static_cast<std::uint64_t>(ids.size()));
    for (const std::uint64_t id : ids) out.number(id);
  }
}

Result<void> DedupWindow::load(ByteReader& in) {
  const auto sets = in.number<std::uint32_t>();
  std::optional<std::int64_t> before;
  for (std::uint32_t i = 0; i < sets && in.ok(); ++i) {
    const std::int64_t minute = in.signed_number();
    const auto ids = in.number<std::uint64_t>();
    if (before && minute <= *before) return fail(ErrorCode::kMalformed, "seen records: minutes that do not ascend");
    before = minute;
    if (!in.has(ids, sizeof(std::uint64_t))) break;
    // The oldest first, so that each takes the place of the one that it leaves no room for.
    for (std::uint64_t n = 0; n < ids; ++n) insert(minute, in.number<std::uint64_t>());
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "seen records end too early");
  return {};
}

std::size_t DedupWindow::memory_bytes() const {
  std::size_t total = sizeof *this + ring_.capacity() * sizeof(MinuteSet);
  for (const MinuteSet& set : ring_) total += set.table.capacity() * sizeof(std::uint64_t);
  return total;
}

}  // namespace trailwarden::pipeline
