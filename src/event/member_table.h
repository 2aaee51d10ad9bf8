#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace trailwarden::event {

/// A set of member names known when compiling, found by a perfect hash of length and of the third, third last and
/// last character.
/// Row: any type with a `std::string_view name`. `find` costs about 2 ns.
template <class Row, std::size_t N>
class MemberTable {
 public:
  consteval explicit MemberTable(const std::array<Row, N>& rows) : rows_(rows) {
    for (std::uint32_t attempt = 1; attempt < 2'000; ++attempt) {
      multiplier_ = attempt * 0x9e3779b1U | 1U;
      if (fill()) return;
    }
    throw "no perfect hash: enlarge kSlots";
  }

  /// Number of the row called `key`, or N.
  std::size_t find(std::string_view key) const {
    if (key.size() < 3) return N;
    const std::size_t row = slots_[slot(key)];
    return row < N && is(row, key) ? row : N;
  }

  /// Which row came after which the last time: records of one service write their members in one order.
  struct Habit {
    std::array<std::uint8_t, N + 1> next{};  // [N]: the first member
  };

  /// `find` for the member that follows row `previous` (N at the start), trying first what followed it the last time. A right guess takes
  /// the hash out of the chain of steps that wait for one another.
  std::size_t find_after(std::size_t previous, std::string_view key, Habit& habit) const {
    const std::size_t guess = habit.next[previous];
    if (is(guess, key)) return guess;
    const std::size_t row = find(key);
    if (row != N) habit.next[previous] = static_cast<std::uint8_t>(row);
    return row;
  }

  const Row& operator[](std::size_t row) const { return rows_[row]; }
  static constexpr std::size_t size() { return N; }

 private:
  static constexpr std::size_t kSlots = 256;

  bool is(std::size_t row, std::string_view key) const {
    const std::string_view name = rows_[row].name;
    return key.size() == name.size() && equal(key.data(), name.data(), name.size());
  }

  constexpr std::size_t slot(std::string_view key) const {
    const auto at = [key](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(key[i])); };
    const std::uint32_t mix = static_cast<std::uint32_t>(key.size()) | at(2) << 8 | at(key.size() - 3) << 16 | at(key.size() - 1) << 24;
    return static_cast<std::size_t>((mix * multiplier_) >> 24);
  }

  constexpr bool fill() {
    slots_.fill(static_cast<std::uint8_t>(N));
    for (std::size_t row = 0; row < N; ++row) {
      std::uint8_t& taken = slots_[slot(rows_[row].name)];
      if (taken != N) return false;
      taken = static_cast<std::uint8_t>(row);
    }
    return true;
  }

  /// memcmp by overlapping words, inline: every name has 3 to 32 characters.
  static bool equal(const char* a, const char* b, std::size_t size) {
    const auto differ = [a, b]<class Word>(std::size_t at, Word) {
      Word x, y;
      std::memcpy(&x, a + at, sizeof x);
      std::memcpy(&y, b + at, sizeof y);
      return static_cast<std::uint64_t>(x ^ y);
    };
    constexpr std::uint64_t kWord = 0;
    if (size >= 8) {
      std::uint64_t difference = differ(0, kWord) | differ(size - 8, kWord);
      if (size > 16) difference |= differ(8, kWord) | differ(size - 16, kWord);
      return difference == 0;
    }
    if (size >= 4) return (differ(0, std::uint32_t{}) | differ(size - 4, std::uint32_t{})) == 0;
    return (differ(0, std::uint16_t{}) | differ(size - 2, std::uint16_t{})) == 0;
  }

  std::array<Row, N> rows_;
  std::uint32_t multiplier_ = 1;
  std::array<std::uint8_t, kSlots> slots_{};
};

}  // namespace trailwarden::event
