#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"
#include "core/time.h"

namespace trailwarden::pipeline {

/// Which eventIDs a cell has seen inside the lateness window.
///
/// A repeat carries the same eventTime, so one open-addressing set of 64-bit hashes (XXH3) a minute is enough: a lookup touches one of
/// them, and a minute that the watermark has passed is forgotten whole. Exact up to hash collisions: two different ids of one
/// minute of one cell collide with probability n^2 / 2^65, 3e-8 at a million records a minute.
///
/// Memory: 8 to 16 bytes an id seen in the window. Cost: ~10 ns. Not thread-safe: a cell owns its window.
class DedupWindow {
 public:
  /// `open_minutes`: the most minutes that can be open at once, that is lateness rounded up, plus 2.
  explicit DedupWindow(std::size_t open_minutes) : ring_(open_minutes) {}

  /// True the first time that `id_hash` comes for `minute`; false for a repeat. `minute` must not be closed.
  bool insert(std::int64_t minute, std::uint64_t id_hash);

  /// Forgets every minute before `minute`.
  void close_before(std::int64_t minute);

  void save(ByteWriter& out) const;
  /// Into a fresh window. Of minutes that share a place in one with fewer open minutes than were saved, the newest is kept.
  Result<void> load(ByteReader& in);
  std::size_t memory_bytes() const;

 private:
  /// Ids of one minute: a power-of-two table, at most half full, 0 for a free place.
  struct MinuteSet {
    std::int64_t minute = INT64_MIN;
    std::size_t count = 0;
    std::vector<std::uint64_t> table;

    bool insert(std::uint64_t id);
    void grow();
    void clear(std::int64_t new_minute);
  };

  MinuteSet& set_of(std::int64_t minute);

  std::vector<MinuteSet> ring_;  // by minute modulo its size
};

}  // namespace trailwarden::pipeline
