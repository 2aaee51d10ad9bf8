#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "rules/field_trie.h"
#include "rules/json_value.h"

namespace trailwarden::rules {

/// A value that stands at a used path of the record that is judged.
struct SlotValue {
  JsonValue::Kind kind = JsonValue::Kind::kNull;
  std::uint32_t position = 0;  // which elements of arrays it lies in; 0: none
  std::uint32_t next = 0;      // the next one of its slot, or SlotValues::kEnd
  std::string_view text;       // of a string, unescaped; of a number, as spelled; of a container, its JSON ("[]" of an empty array)
};

/// What one record has at the paths that rules use: a list of values a slot. Cleared and filled again for each record without allocating.
/// The texts are views into the record or into the reader's arena.
class SlotValues {
 public:
  static constexpr std::uint32_t kEnd = static_cast<std::uint32_t>(-1);

  explicit SlotValues(std::size_t slots) : slots_(slots), positions_(1) {}

  void clear();
  void add(SlotId id, const SlotValue& value) {
    Slot& slot = slots_[id];
    if (slot.flat) [[unlikely]] return;
    const auto number = static_cast<std::uint32_t>(values_.size());
    values_.push_back(value);
    values_.back().next = kEnd;
    if (slot.count == 0) {
      slot.first = number;
      touched_.push_back(id);
    } else {
      values_[slot.last].next = number;
    }
    slot.last = number;
    ++slot.count;
    slot.in_arrays += value.position != 0 ? 1 : 0;
  }
  /// For a top-level member called like the whole path: what stands there takes the place of what is found by following the path.
  void add_flat(SlotId id, const SlotValue& value);

  bool has(SlotId slot) const { return slots_[slot].count > 0; }
  std::uint32_t count(SlotId slot) const { return slots_[slot].count; }
  /// Values that lie in an element of some array.
  std::uint32_t in_arrays(SlotId slot) const { return slots_[slot].in_arrays; }
  std::uint32_t first(SlotId slot) const { return has(slot) ? slots_[slot].first : kEnd; }
  const SlotValue& operator[](std::uint32_t value) const { return values_[value]; }
  /// The slots that have values, in the order in which these came.
  std::span<const SlotId> slots_with_values() const { return touched_; }

  /// A new array, inside whatever the next `element` of it says.
  std::uint32_t new_array() { return ++arrays_; }
  /// The position of element `index` of `array`, which itself lies at `outer`.
  std::uint32_t element(std::uint32_t outer, std::uint32_t array, std::uint32_t index);
  /// Whether two values can be chosen together: no array has both in different elements.
  bool consistent(std::uint32_t a, std::uint32_t b) const;
  std::uint32_t outer(std::uint32_t position) const { return positions_[position].outer; }
  std::uint32_t array(std::uint32_t position) const { return positions_[position].array; }

  std::size_t memory_bytes() const;

 private:
  struct Slot {
    std::uint32_t first = 0, last = 0, count = 0, in_arrays = 0;
    bool flat = false;
  };
  struct Position {
    std::uint32_t outer = 0, array = 0, index = 0, depth = 0;
  };

  std::vector<Slot> slots_;
  std::vector<SlotId> touched_;
  std::vector<SlotValue> values_;
  std::vector<Position> positions_;  // the first is that of what lies in no array
  std::uint32_t arrays_ = 0;
};

}  // namespace trailwarden::rules
