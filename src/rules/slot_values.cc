#include "rules/slot_values.h"

namespace trailwarden::rules {

void SlotValues::clear() {
  for (const SlotId slot : touched_) slots_[slot] = {};
  touched_.clear();
  values_.clear();
  positions_.resize(1);
  arrays_ = 0;
}

void SlotValues::add_flat(SlotId id, const SlotValue& value) {
  Slot& slot = slots_[id];
  if (!slot.flat && slot.count > 0) {
    // Stays in touched_, so this value is put where its first one was.
    const auto number = static_cast<std::uint32_t>(values_.size());
    slot = {.first = number, .last = number, .count = 1};
    values_.push_back(value);
    values_.back().next = kEnd;
  } else {
    slot.flat = false;
    add(id, value);
  }
  slot.flat = true;
}

std::uint32_t SlotValues::element(std::uint32_t outer, std::uint32_t array, std::uint32_t index) {
  positions_.push_back({outer, array, index, positions_[outer].depth + 1});
  return static_cast<std::uint32_t>(positions_.size() - 1);
}

/// Up to where both lie in the same elements. What lies below different arrays there shares no array.
bool SlotValues::consistent(std::uint32_t a, std::uint32_t b) const {
  while (positions_[a].depth > positions_[b].depth) a = positions_[a].outer;
  while (positions_[b].depth > positions_[a].depth) b = positions_[b].outer;
  for (; a != b; a = positions_[a].outer, b = positions_[b].outer)
    if (positions_[a].array == positions_[b].array) return false;
  return true;
}

std::size_t SlotValues::memory_bytes() const {
  return slots_.capacity() * sizeof(Slot) + touched_.capacity() * sizeof(SlotId) + values_.capacity() * sizeof(SlotValue) + positions_.capacity() * sizeof(Position);
}

}  // namespace trailwarden::rules
