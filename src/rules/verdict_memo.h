#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "core/hash.h"

namespace trailwarden::rules {

/// What was judged of records that are alike: much of a trail is the same few services doing the same over and over. A verdict is kept under all the texts
/// that it depends on, whole, so a text made to collide changes nothing. Of two that fall into one place the later stays.
///
/// Cost: about 40 ns to find one, 200 kB. Not thread-safe.
class VerdictMemo {
 public:
  static constexpr std::size_t kMostRules = 12;

  struct Verdict {
    std::uint64_t number = 0;          // of no other verdict that was kept
    bool needs_record = false;         // the texts decide nothing
    std::uint8_t matches = 0, open = 0;
    std::array<std::uint32_t, kMostRules> rules{};  // that match, then those that the texts leave open

    std::span<const std::uint32_t> matching() const { return std::span(rules).first(matches); }
    std::span<const std::uint32_t> left_open() const { return std::span(rules).subspan(matches, open); }
  };

  /// Begins a key of so many texts.
  void begin(std::size_t texts) {
    size_ = texts * sizeof(Head);
    at_ = 0;
    is_too_long_ = size_ > kKeyBytes;
  }
  /// The next one, or an absent one, which has no data; `kind` tells equal texts apart that mean something else.
  void add(std::string_view text, std::uint8_t kind) {
    is_too_long_ = is_too_long_ || size_ + text.size() > kKeyBytes;
    if (is_too_long_) return;
    const Head head{static_cast<std::uint16_t>(text.size()), kind, text.data() != nullptr};
    std::memcpy(key_.data() + at_, &head, sizeof head);
    at_ += sizeof head;
    if (!text.empty()) std::memcpy(key_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }

  /// What was kept under the key; nullptr if nothing was. Valid until the next `keep`.
  const Verdict* find() {
    if (is_too_long_) return nullptr;
    hash_ = xxh3_64({key_.data(), size_});
    if (entries_.empty()) return nullptr;
    const Entry& entry = entries_[hash_ % kEntries];
    const bool is_it = entry.hash == hash_ && entry.size == size_ && std::memcmp(entry.key.data(), key_.data(), size_) == 0;
    return is_it ? &entry.verdict : nullptr;
  }
  /// After a `find` that found nothing. nullptr: there is no room for it.
  const Verdict* keep(bool needs_record, std::span<const std::uint32_t> matching, std::span<const std::uint32_t> open) {
    if (is_too_long_ || matching.size() + open.size() > kMostRules) return nullptr;
    entries_.resize(kEntries);
    Entry& entry = entries_[hash_ % kEntries];
    entry.hash = hash_;
    entry.size = size_;
    entry.verdict = {++kept_, needs_record, static_cast<std::uint8_t>(matching.size()), static_cast<std::uint8_t>(open.size()), {}};
    std::copy(open.begin(), open.end(), std::copy(matching.begin(), matching.end(), entry.verdict.rules.begin()));
    std::memcpy(entry.key.data(), key_.data(), size_);
    return &entry.verdict;
  }

  std::size_t memory_bytes() const { return sizeof *this + entries_.capacity() * sizeof(Entry); }

 private:
  static constexpr std::size_t kEntries = 512, kKeyBytes = 344;

  struct Head {
    std::uint16_t size;
    std::uint8_t kind;
    bool is_there;
  };
  struct Entry {
    std::uint64_t hash = 0;
    std::size_t size = 0;  // 0: free
    Verdict verdict;
    std::array<char, kKeyBytes> key{};
  };

  std::vector<Entry> entries_;  // none until the first is kept
  std::array<char, kKeyBytes> key_{};
  std::size_t size_ = 0, at_ = 0;
  std::uint64_t hash_ = 0, kept_ = 0;
  bool is_too_long_ = false;
};

}  // namespace trailwarden::rules
