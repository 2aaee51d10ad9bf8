#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace trailwarden::rules {

/// What a set of globs said of the texts it was asked of lately: user agents, identities and the like repeat from record to record, and finding one again
/// costs a quarter of running an automaton over it. Forgets the older of two texts that fall into one place. Keeps whole texts, so a text made to collide changes nothing.
///
/// Cost: about 15 ns a look-up, 40 kB. Not thread-safe.
class TextMemo {
 public:
  /// Calls `hit(id)` for each glob that accepts `text`, as `run(text, hit)` does.
  template <class Scan, class Hit>
  void scan(std::string_view text, Scan&& run, Hit&& hit) {
    if (text.size() > kTextBytes) return run(text, hit);
    const std::uint64_t hash = hash_of(text);
    Entry& entry = entries_[hash % kEntries];
    if (entry.hash != hash || entry.size != text.size() || std::memcmp(entry.text.data(), text.data(), text.size()) != 0) {
      entry.size = static_cast<std::uint32_t>(text.size());
      entry.count = 0;
      run(text, [&](std::uint32_t id) {
        entry.add(id);
        hit(id);
      });
      entry.hash = entry.count <= kHits ? hash : ~hash;  // one with more is not remembered
      std::memcpy(entry.text.data(), text.data(), text.size());
      return;
    }
    for (std::uint32_t i = 0; i < entry.count; ++i) hit(entry.hits[i]);
  }

  std::size_t memory_bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  static constexpr std::size_t kEntries = 128, kTextBytes = 256, kHits = 12;

  struct Entry {
    std::uint64_t hash = 1;
    std::uint32_t size = 0, count = 0;
    std::array<std::uint32_t, kHits> hits{};
    std::array<char, kTextBytes> text{};

    void add(std::uint32_t id) {
      for (std::uint32_t i = 0; i < count && i < kHits; ++i)
        if (hits[i] == id) return;
      if (count < kHits) hits[count] = id;
      ++count;
    }
  };

  /// Two lanes, so that one multiplication need not wait for the other. Places only: equality is that of the texts.
  static std::uint64_t hash_of(std::string_view text) {
    constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15ULL;
    std::uint64_t a = text.size() * kFactor, b = ~a;
    const auto word = [&text](std::size_t at) {
      std::uint64_t bytes = 0;
      std::memcpy(&bytes, text.data() + at, sizeof bytes);
      return bytes;
    };
    std::size_t at = 0;
    for (; at + 16 <= text.size(); at += 16) {
      a = (a ^ word(at)) * kFactor;
      b = (b ^ word(at + 8)) * kFactor;
      a ^= a >> 29;
      b ^= b >> 29;
    }
    if (at + 8 <= text.size()) {
      a = (a ^ word(at)) * kFactor;
      a ^= a >> 29;
      at += 8;
    }
    for (; at < text.size(); ++at) b = (b ^ static_cast<unsigned char>(text[at])) * kFactor;
    const std::uint64_t hash = (a ^ (b >> 7)) * kFactor;
    return hash ^ hash >> 32;
  }

  std::vector<Entry> entries_ = std::vector<Entry>(kEntries);
};

}  // namespace trailwarden::rules
