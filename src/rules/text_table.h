#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trailwarden::rules {

/// Texts, each with the ids that ask for it, by hash. Either exactly, or without regard to the case of ASCII letters.
/// Cost: about 5 ns a look-up; 16 bytes an entry of the table, its text and its ids.
class TextTable {
 public:
  enum class Letters : std::uint8_t { kExact, kIgnoreCase };

  /// With kIgnoreCase the texts have to be ASCII; their case does not matter.
  TextTable(Letters letters, std::vector<std::pair<std::string, std::uint32_t>> texts);

  /// Calls `hit(id)` for each id of `text`.
  template <class Hit>
  void scan(std::string_view text, Hit&& hit) const {
    if ((sizes_ >> std::min<std::size_t>(text.size(), 63) & 1) == 0) return;
    const std::uint64_t hash = hash_of(text);
    for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
      const Entry& entry = table_[at];
      if (entry.ids_begin == entry.ids_end) return;
      if (entry.hash == static_cast<std::uint32_t>(hash >> 32) && is(entry, text)) {
        for (std::uint32_t i = entry.ids_begin; i < entry.ids_end; ++i) hit(ids_[i]);
        return;
      }
    }
  }

  bool empty() const { return ids_.empty(); }
  std::size_t memory_bytes() const;

 private:
  struct Entry {
    std::uint32_t hash = 0, text = 0, size = 0;  // where its text begins in texts_
    std::uint32_t ids_begin = 0, ids_end = 0;    // none: the entry is free
  };

  /// ASCII capitals made small where case does not matter.
  std::uint64_t folded(std::uint64_t word) const {
    if (letters_ == Letters::kExact) return word;
    constexpr std::uint64_t kEach = 0x0101010101010101ULL;
    const std::uint64_t low = word & (0x7f * kEach);
    const std::uint64_t from_a = low + (0x80 - 'A') * kEach, behind_z = low + (0x80 - 'Z' - 1) * kEach;
    const std::uint64_t capital = (from_a ^ behind_z) & ~word & (0x80 * kEach);
    return word | capital >> 2;
  }
  template <class Part>
  static std::uint64_t load(const char* bytes) {
    Part part;
    std::memcpy(&part, bytes, sizeof part);
    return part;
  }
  /// All of a text of at most eight bytes, in one word; parts of it may come twice.
  static std::uint64_t short_word(std::string_view text) {
    const char* const end = text.data() + text.size();
    if (text.size() >= 4) return load<std::uint32_t>(text.data()) | load<std::uint32_t>(end - 4) << 32;
    if (text.size() >= 2) return load<std::uint16_t>(text.data()) | load<std::uint16_t>(end - 2) << 16;
    return text.empty() ? 0 : static_cast<unsigned char>(text[0]);
  }
  std::uint64_t hash_of(std::string_view text) const;
  bool is(const Entry& entry, std::string_view text) const;

  Letters letters_;
  std::uint64_t sizes_ = 0;  // one bit a size that some text has; the last for all longer ones
  std::size_t mask_ = 0;
  std::vector<Entry> table_;
  std::string texts_;  // small letters where case does not matter
  std::vector<std::uint32_t> ids_;
};

}  // namespace trailwarden::rules
