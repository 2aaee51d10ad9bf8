#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "baseline/series_id.h"

namespace trailwarden::baseline {

/// Rows of a cell that are to be forgotten.
class DroppedRows {
 public:
  DroppedRows(std::size_t calls, std::size_t errors) : rows_{std::vector<bool>(calls), std::vector<bool>(errors)} {}

  void add(SeriesId series) { rows_[static_cast<std::size_t>(series.kind)][series.row] = true; }
  bool contains(SeriesId series) const { return rows_[static_cast<std::size_t>(series.kind)][series.row]; }
  std::size_t count(SeriesKind kind) const {
    const auto& rows = rows_[static_cast<std::size_t>(kind)];
    return static_cast<std::size_t>(std::count(rows.begin(), rows.end(), true));
  }
  std::size_t count() const { return count(SeriesKind::kCalls) + count(SeriesKind::kErrors); }

 private:
  std::array<std::vector<bool>, 2> rows_;
};

}  // namespace trailwarden::baseline
