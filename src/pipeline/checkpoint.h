#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "pipeline/ledger.h"

namespace trailwarden::pipeline {

/// What is kept with a committed offset, in its metadata string: how to come to the state that belongs to it.
///
/// `1 config=HASH begin=N state=N,N since=N lost=N skip=N,... [brought=N] ticks=OFFSET@SECONDS,...`: printable ASCII, below 4,000 bytes while `ticks` holds at most kMostTicks and
/// `skip` kMostSkips.
struct Checkpoint {
  std::string config;      // hash of what detection was configured with
  std::int64_t begin = 0;  // where this partition was begun, ever
  std::vector<std::int64_t> snapshots;  // offsets of the valid ones, the newest first, at most two
  std::int64_t ticks_since = 0;         // `ticks` has all from this offset on: from the older snapshot, or from the beginning
  std::vector<AppliedTick> ticks;       // in order
  std::int64_t accepted_until = 0;      // an operator accepted that offsets before this one may be lost
  std::vector<std::int64_t> skipped;     // offsets that an operator took out of the way; for good, as a replay may come by them at any time
  std::optional<std::int64_t> brought;   // the state at this offset did not come of the input alone: nothing from before it leads there
  bool operator==(const Checkpoint&) const = default;

  static constexpr std::size_t kMostSkips = 20;
  bool skips(std::int64_t offset) const { return std::find(skipped.begin(), skipped.end(), offset) != skipped.end(); }

  static constexpr std::size_t kMostTicks = 100;
  /// Many ticks to keep: a new snapshot is due.
  bool is_filling() const { return ticks.size() >= kMostTicks / 2; }

  /// Adds a tick; of several before the same message the last one counts.
  void add(AppliedTick tick);
  /// A new snapshot is valid: keeps two, and forgets ticks that only older ones would need.
  void add_snapshot(std::int64_t offset);
  /// The snapshot at `offset` holds what was brought in from outside: whatever is older is of no use any more.
  void bring(std::int64_t offset);
};

std::string to_metadata(const Checkpoint& checkpoint);
/// kMalformed for text that this version did not write.
Result<Checkpoint> parse_checkpoint(std::string_view metadata);

}  // namespace trailwarden::pipeline
