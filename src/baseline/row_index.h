#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace trailwarden::baseline {

/// Rows by key: a hash table of row numbers alone, 4 bytes a slot; the keys stay where the rows are. Linear probing, at most 3/4 full; nothing is ever removed.
/// Keys are hashes already.
class RowIndex {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  /// The row for which `is_it(row)`, of those that `key` may belong to; or kNone.
  template <class IsIt>
  std::uint32_t find(std::uint64_t key, IsIt is_it) const {
    if (slots_.empty()) return kNone;
    for (std::size_t at = key & mask(); slots_[at] != kNone; at = (at + 1) & mask())
      if (is_it(slots_[at])) return slots_[at];
    return kNone;
  }

  /// Adds a row that is not in it. `key_of(row)`: the key of any row.
  template <class KeyOf>
  void insert(std::uint32_t row, KeyOf key_of) {
    if ((rows_ + 1) * 4 > slots_.size() * 3) grow(key_of);
    place(key_of(row), row);
    ++rows_;
  }

  /// Forgets every row; keeps its room, and makes some for as many as `rows`.
  void clear(std::size_t rows) {
    std::fill(slots_.begin(), slots_.end(), kNone);
    if (rows * 4 > slots_.size() * 3) slots_.assign(std::bit_ceil(rows * 2), kNone);
    rows_ = 0;
  }

  std::size_t memory_bytes() const { return slots_.capacity() * sizeof(std::uint32_t); }

 private:
  std::size_t mask() const { return slots_.size() - 1; }

  void place(std::uint64_t key, std::uint32_t row) {
    std::size_t at = key & mask();
    while (slots_[at] != kNone) at = (at + 1) & mask();
    slots_[at] = row;
  }

  template <class KeyOf>
  void grow(KeyOf key_of) {
    const std::vector<std::uint32_t> old = std::exchange(slots_, std::vector<std::uint32_t>(slots_.empty() ? 64 : slots_.size() * 2, kNone));
    for (const std::uint32_t row : old)
      if (row != kNone) place(key_of(row), row);
  }

  std::vector<std::uint32_t> slots_;  // a power of two of them
  std::size_t rows_ = 0;
};

}  // namespace trailwarden::baseline
