#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "baseline/cell_baseline.h"

namespace trailwarden::baseline {

/// The order in which the series of a cell are saved, and the numbers that they have there: calls first, then errors, each by
/// `CellBaseline::compare`. So it does not show in a saved state in which order rows were born.
class SavedOrder {
 public:
  /// `dropped`: rows that are not saved; null: none.
  explicit SavedOrder(const CellBaseline& cell, const DroppedRows* dropped = nullptr);

  /// Rows of a table in that order.
  std::span<const std::uint32_t> rows(SeriesKind kind) const { return rows_[static_cast<std::size_t>(kind)]; }
  bool has(SeriesId series) const { return place_of(series) != kDropped; }
  /// Where a row stands among those of its table; kDropped if it does not.
  static constexpr std::uint32_t kDropped = UINT32_MAX;
  std::uint32_t place_of(SeriesId series) const { return places_[static_cast<std::size_t>(series.kind)][series.row]; }
  /// The number of a series among all; the way back is `CellBaseline::series_at` of the cell that was loaded.
  std::uint32_t number_of(SeriesId series) const {
    return place_of(series) + (series.kind == SeriesKind::kCalls ? 0 : static_cast<std::uint32_t>(rows(SeriesKind::kCalls).size()));
  }

 private:
  std::array<std::vector<std::uint32_t>, 2> rows_, places_;
};

}  // namespace trailwarden::baseline
