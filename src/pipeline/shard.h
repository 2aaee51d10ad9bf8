#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "detectors/detector.h"
#include "event/decoder.h"
#include "pipeline/batch.h"
#include "pipeline/cell.h"
#include "pipeline/state_file.h"
#include "pipeline/totals.h"

namespace trailwarden::pipeline {

/// The cells of one shard. Owned by one thread; no locks.
///
/// A cell's result depends on its own records, on the log's watermark at each of them and at the end of each batch, and on nothing else:
/// so neither the number of shards nor of threads can show.
class Shard {
 public:
  explicit Shard(const CellSettings& settings) : settings_(settings) {}

  /// Judges one record. `decoder` and `arena` serve records that leave the settle buffer.
  /// True if the record is judged, false if it is a repeat.
  bool judge(Slot& slot, CellOutput& output);

  /// Says that the log's watermark is `watermark` now: for every cell, whether it had records or not.
  void advance(Timestamp watermark, CellOutput& output);

  /// A cell that it has is suspiciously silent in the minutes [from, until).
  void freeze(std::uint64_t cell, std::string_view account, std::string_view region, std::int64_t from, std::int64_t until);

  /// Closes everything that is still open; the input is over.
  void finish(CellOutput& output);

  /// Every cell by (account, Region): the same cells, the same bytes, in whatever order they were born.
  void save(ByteWriter& out) const;
  /// Into a fresh shard.
  Result<void> load(ByteReader& in);

  /// Adds every cell, as it is moved, to `out`. `newest`: of the log, see `SavedCell`.
  void save_cells(Timestamp newest, SavedCells& out) const;
  /// The cells in what `save` wrote.
  static Result<SavedCells> cells_of(ByteReader& in, Timestamp newest);
  bool has(std::string_view account, std::string_view region) const;
  /// Takes a cell in, in place of the one of its name if there is one. kMalformed, and nothing has changed, if its state cannot be read.
  Result<void> put(const SavedCell& saved);

  /// `Cell::forget` of every cell: places in all.
  std::size_t forget(const event::ForgottenPrincipal& principal);

  /// `Cell::change_detectors` of every cell.
  void change_detectors(std::span<const detectors::ConfiguredDetector> before) {
    for (const auto& cell : cells_) cell->change_detectors(before);
  }
  /// `Cell::change_insights` of every cell.
  void change_insights() {
    for (const auto& cell : cells_) cell->change_insights();
  }

  std::size_t cells() const { return cells_.size(); }
  /// Calls `visit(cell)` for each, in order of birth.
  template <class Visit>
  void each_cell(Visit visit) const {
    for (const auto& cell : cells_) visit(std::as_const(*cell));
  }
  std::size_t memory_bytes() const;
  /// Adds what its cells hold now: cells, rows, bytes, open incidents.
  void add_to(Totals& totals) const;

 private:
  Cell& cell_of(const Slot& slot);
  Cell* find(std::uint64_t hash, std::string_view account, std::string_view region) const;
  Cell& add(std::uint64_t hash, std::string_view account, std::string_view region);
  template <class Take>
  static Result<void> each_saved(ByteReader& in, Take take);

  const CellSettings& settings_;
  std::vector<std::unique_ptr<Cell>> cells_;  // in order of birth
  std::unordered_multimap<std::uint64_t, Cell*> by_hash_;
  std::int64_t minute_ = INT64_MIN;  // of the watermark last advanced to
};

}  // namespace trailwarden::pipeline
