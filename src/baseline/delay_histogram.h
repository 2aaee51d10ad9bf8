#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "core/bytes.h"

namespace trailwarden::baseline {

/// How late the records of one account-Region come: append time less event time, counted in classes up to 1, 2, 3, 5, 8, 12, 15, 20, 30, 60, 120, 360 minutes
/// and beyond. Whole numbers; halved at midnight, so that about two days count. 104 bytes. Source: docs/baseline.md, "Silence".
class DelayHistogram {
 public:
  void add(std::chrono::seconds delay) {
    std::size_t i = 0;
    while (i < kEdges.size() && delay > std::chrono::minutes{kEdges[i]}) ++i;
    ++counts_[i];
  }

  void halve() {
    for (std::uint64_t& count : counts_) count /= 2;
  }

  /// The upper edge of the class that the 99th percentile lies in [min]; 0 without any record, 720 beyond the last edge.
  std::int64_t p99() const {
    std::uint64_t total = 0, so_far = 0;
    for (const std::uint64_t count : counts_) total += count;
    if (total == 0) return 0;
    for (std::size_t i = 0; i < kEdges.size(); ++i) {
      so_far += counts_[i];
      if (so_far >= total - total / 100) return kEdges[i];
    }
    return 2 * kEdges.back();
  }

  /// D: minutes after which whatever happened should be here, max(15, 2 p99).
  std::int64_t bound() const { return std::max<std::int64_t>(kLeastBound, 2 * p99()); }
  static constexpr std::int64_t kLeastBound = 15;

  void save(ByteWriter& out) const { out.array(counts_); }
  void load(ByteReader& in) { in.array(counts_); }

 private:
  static constexpr std::array<std::int64_t, 12> kEdges{1, 2, 3, 5, 8, 12, 15, 20, 30, 60, 120, 360};
  std::array<std::uint64_t, kEdges.size() + 1> counts_{};
};

}  // namespace trailwarden::baseline
