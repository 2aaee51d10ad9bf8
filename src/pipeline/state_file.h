#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"
#include "core/time.h"
#include "event/cell_name.h"

namespace trailwarden::pipeline {

/// The state of one (account, Region) on its way from one place to another.
struct SavedCell {
  std::string account, region;
  Timestamp newest{};  // of the log that it was a part of: the newest (clamped) event time; kBeginningOfTime before the first record
  std::string state;   // as `Cell::save` writes it
  std::string name() const { return event::cell_name(account, region); }
  std::uint64_t hash() const { return event::cell_hash(account, region); }
  bool operator==(const SavedCell&) const = default;
};

/// Cells by (account, Region), ascending; each once.
using SavedCells = std::vector<SavedCell>;

/// Sorts them. kInvalidArgument if a cell is there twice, with its name.
Result<SavedCells> in_order(SavedCells cells);

/// Cells as one file, that needs nothing else to be understood:
///
///   "TWST", format u16, the model's constants hash as text, cells u32
///   a cell each, by (account, Region): length u64, XXH3-64 of its bytes, the bytes: account, Region, newest s64, state
///   "TWSE", XXH3-64 of all that stands before
///
/// Numbers little-endian, texts behind their length u32. No time, no names of files or machines: equal cells give equal bytes.
std::string to_state_file(std::span<const SavedCell> cells);

/// Reads it back. kMalformed: damaged, cut or something else; kUnsupported: of another format, or learned with other constants of the model. The message says at
/// which byte or in which cell, and what to do; what stands in a cell's state is looked at when it is loaded. No length is believed before it is held
/// against the bytes that are left.
Result<SavedCells> parse_state_file(std::string_view bytes);

/// The same of a file, whose name comes first in every message. kNotFound, kIo.
Result<SavedCells> read_state_file(const std::string& path);

/// Writes the file beside its place and moves it there, so that there is a whole one or none. Only the owner may read it: there are names of people in it.
Result<void> write_state_file(const std::string& path, std::span<const SavedCell> cells);

/// The cells in what `Partition::save` wrote; what stands behind them is the partition's own, and stays there.
Result<SavedCells> cells_of_partition(std::string_view bytes);

}  // namespace trailwarden::pipeline
