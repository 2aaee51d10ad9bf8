#pragma once

#include <compare>
#include <cstdint>

#include "baseline/row_block.h"

namespace trailwarden::baseline {

/// One series of a cell: a row of one of its two tables.
struct SeriesId {
  SeriesKind kind = SeriesKind::kCalls;
  std::uint32_t row = 0;
  auto operator<=>(const SeriesId&) const = default;
};

}  // namespace trailwarden::baseline
