#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "rules/leaf_test.h"

namespace trailwarden::rules {

/// Says in one pass over a text which of many globs accept it: a deterministic automaton over UTF-8 bytes, made by the subset construction.
///
/// A glob that ends with an open gap is reported where the gap is entered and then forgotten, so that `*x*` for many x costs the states of Aho and Corasick
/// ("Efficient string matching", CACM 1975) and not their product. What does multiply states is a gap in the middle: the automaton has to remember which were
/// passed. `build` gives up at a number of states.
///
/// Cost: one table step a byte, about 1 ns; 4 bytes a state and class of bytes that no glob tells apart.
class StringAutomaton {
 public:
  struct Entry {
    const Glob* glob;
    std::uint32_t id;
  };

  /// nullopt if it would have more than `max_states`.
  static std::optional<StringAutomaton> build(std::span<const Entry> entries, std::size_t max_states);

  /// Calls `hit(id)` for each glob that accepts `text`, once or more often, in no particular order.
  template <class Hit>
  void scan(std::string_view text, Hit&& hit) const {
    std::uint32_t row = start_;
    if (row >= special_) report(said_, row, hit);
    for (const char c : text) {
      row = next_[row + classes_[static_cast<unsigned char>(c)]];
      if (row < special_) [[likely]] continue;
      if (row == dead_) return;
      report(said_, row, hit);
    }
    report(at_end_, row, hit);
  }

  std::size_t states() const { return next_.size() / class_count_; }
  std::size_t memory_bytes() const;

 private:
  friend class AutomatonBuilder;
  /// Lists of ids, one a state.
  struct Reports {
    std::vector<std::uint32_t> begins, ids;
  };

  template <class Hit>
  void report(const Reports& reports, std::uint32_t row, Hit& hit) const {
    const std::uint32_t state = row / class_count_;
    for (std::uint32_t i = reports.begins[state]; i < reports.begins[state + 1]; ++i) hit(reports.ids[i]);
  }

  std::array<std::uint8_t, 256> classes_{};
  std::uint32_t class_count_ = 1;
  std::vector<std::uint32_t> next_;  // [states x classes], the rows that follow
  std::uint32_t start_ = 0;
  std::uint32_t special_ = 0;  // rows from here on report something on the way, or are dead_
  std::uint32_t dead_ = 0;     // the last row: nothing more can come
  Reports said_, at_end_;
};

}  // namespace trailwarden::rules
