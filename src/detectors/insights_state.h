#pragma once

// What `Insights` keeps, for insights.cc, which uses it, and saved_insights.cc, which saves it.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/hash.h"
#include "detectors/insights.h"

namespace trailwarden::detectors {

inline constexpr std::int64_t kKeptClosedMinutes = 16;  // of calls whose values a Start may want
inline constexpr std::size_t kRecentIds = 10, kIdBytes = 36;

/// A series as one number, for hash tables.
inline std::uint64_t packed(baseline::SeriesId series) { return static_cast<std::uint64_t>(series.kind) << 32 | series.row; }
inline baseline::SeriesId unpacked(std::uint64_t series) {
  return {static_cast<baseline::SeriesKind>(series >> 32), static_cast<std::uint32_t>(series)};
}

/// Texts by number; a text that no sketch names any more goes with the next sweep.
class Insights::Texts {
 public:
  /// `dimension`: texts of one come in runs, so the last one of each is tried first.
  std::uint32_t number_of(std::size_t dimension, std::string_view text) {
    std::uint32_t& last = last_[dimension];
    if (last < texts_.size() && texts_[last] && texts_[last]->text == text) return last;
    return last = number_of(text);
  }
  std::uint32_t number_of(std::string_view text) {
    const std::uint64_t hash = xxh3_64(text);
    const std::uint32_t known = index_.find(hash, [&](std::uint32_t n) { return texts_[n]->hash == hash && texts_[n]->text == text; });
    if (known != baseline::RowIndex::kNone) return known;
    std::uint32_t number = 0;
    if (free_.empty()) {
      number = static_cast<std::uint32_t>(texts_.size());
      texts_.emplace_back();
    } else {
      number = free_.back();
      free_.pop_back();
    }
    texts_[number] = std::make_unique<Text>(Text{std::string(text), hash});
    index_.insert(number, [this](std::uint32_t n) { return texts_[n]->hash; });
    bytes_ += text.size() + sizeof(Text) + 16;
    return number;
  }

  const std::string& text(std::uint32_t number) const { return texts_[number]->text; }
  std::uint64_t hash(std::uint32_t number) const { return texts_[number]->hash; }
  std::size_t size() const { return texts_.size() - free_.size(); }
  std::size_t memory_bytes() const { return bytes_ + index_.memory_bytes(); }

  void keep_only(const std::vector<bool>& used) {
    index_ = {};
    for (std::uint32_t number = 0; number < texts_.size(); ++number) {
      if (!texts_[number]) continue;
      if (used[number]) {
        index_.insert(number, [this](std::uint32_t n) { return texts_[n]->hash; });
        continue;
      }
      bytes_ -= texts_[number]->text.size() + sizeof(Text) + 16;
      texts_[number].reset();
      free_.push_back(number);
    }
  }
  std::size_t numbers() const { return texts_.size(); }

  /// Numbers of the texts that are used, by text.
  std::vector<std::uint32_t> sorted(const std::vector<bool>& used) const {
    std::vector<std::uint32_t> order;
    for (std::uint32_t number = 0; number < texts_.size(); ++number)
      if (used[number]) order.push_back(number);
    std::sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) { return text(a) < text(b); });
    return order;
  }

 private:
  struct Text {
    std::string text;
    std::uint64_t hash;  // orders values whatever order they arrived in
  };
  std::vector<std::unique_ptr<Text>> texts_;
  std::vector<std::uint32_t> free_;
  baseline::RowIndex index_;
  std::array<std::uint32_t, kDimensions> last_{};
  std::size_t bytes_ = 0;
};

/// A call whose values a Start, or the baseline's sketches, will want.
struct Insights::Pending {
  baseline::SeriesId series;
  Values values;
  std::uint64_t order;  // by the texts of its values, whatever order they arrived in
};

/// Ids of the last records of a series.
struct Insights::Recent {
  std::uint64_t series = 0;  // packed
  std::array<std::array<char, kIdBytes>, kRecentIds> ids;
  std::array<std::uint8_t, kRecentIds> sizes{};
  std::uint32_t count = 0;  // of ids; from kRecentIds on it goes round, for what counts is where the next one goes
  std::int64_t newest = 0;

  void add(std::string_view id) {
    const std::size_t slot = count % kRecentIds;
    sizes[slot] = static_cast<std::uint8_t>(id.copy(ids[slot].data(), kIdBytes));
    if (++count == 2 * kRecentIds) count = kRecentIds;
  }
  std::vector<std::string> oldest_first() const {
    std::vector<std::string> out;
    const std::uint32_t kept = std::min<std::uint32_t>(count, kRecentIds);
    for (std::uint32_t i = count - kept; i < count; ++i) out.emplace_back(ids[i % kRecentIds].data(), sizes[i % kRecentIds]);
    return out;
  }
};

/// A Start without its End.
struct Insights::Incident {
  baseline::SeriesId series;
  baseline::Direction direction;
  std::int64_t decided;
  baseline::Onset onset;
  double rate;  // a_0
  baseline::Extent extent;  // measured from the onset that the closing of minutes came to, once it has
  std::uint64_t baseline_calls;
  Sketches sketches;
};

}  // namespace trailwarden::detectors
