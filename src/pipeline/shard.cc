#include "pipeline/shard.h"

namespace trailwarden::pipeline {

Cell& Shard::cell_of(const Slot& slot) {
  const auto [begin, end] = by_hash_.equal_range(slot.cell);
  for (auto it = begin; it != end; ++it)
    if (it->second->is(slot.event.account(), slot.event.region())) return *it->second;
  cells_.push_back(std::make_unique<Cell>(settings_, slot.event.account(), slot.event.region()));
  by_hash_.emplace(slot.cell, cells_.back().get());
  return *cells_.back();
}

bool Shard::judge(Slot& slot, CellOutput& output) { return cell_of(slot).judge(slot, output); }

void Shard::advance(Timestamp watermark, CellOutput& output) {
  const std::int64_t minute = minute_of(watermark);
  if (minute == minute_) return;
  minute_ = minute;
  for (const auto& cell : cells_) cell->advance(watermark, output);
}

void Shard::finish(CellOutput& output) {
  for (const auto& cell : cells_) cell->finish(output);
}

std::size_t Shard::memory_bytes() const {
  std::size_t total = sizeof *this + by_hash_.size() * (sizeof(void*) * 4) + cells_.capacity() * sizeof(void*);
  for (const auto& cell : cells_) total += cell->memory_bytes();
  return total;
}

void Shard::add_to(Totals& totals) const {
  totals.cells += cells_.size();
  totals.state_bytes += memory_bytes();
  for (const auto& cell : cells_) {
    if (cell->insights() == nullptr) continue;
    totals.baseline_rows += cell->insights()->rows();
    totals.baseline_bytes += cell->insights()->memory_bytes();
    totals.open_incidents += cell->insights()->open_incidents();
  }
}

}  // namespace trailwarden::pipeline
