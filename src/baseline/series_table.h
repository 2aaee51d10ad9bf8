#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "baseline/minute_pass.h"
#include "baseline/row_block.h"

namespace trailwarden::baseline {

/// All series of one kind in one (account, Region): rows in blocks, and what a block cannot hold. Rows are numbered in order of birth and stay.
///
/// Not thread-safe; no strings. Cost of a minute: that of `MinutePass`.
class SeriesTable {
 public:
  /// `first_rows`: room to begin with, a power of 2.
  explicit SeriesTable(SeriesKind kind, std::size_t first_rows = 64) : kind_(kind), first_rows_(first_rows) {}

  SeriesKind kind() const { return kind_; }
  std::uint32_t rows() const { return rows_; }

  /// A new row, which nothing is known of.
  std::uint32_t add(std::uint64_t key, std::uint8_t scope);

  /// Forgets what was learned before the row's first minute, and begins there. `flags`: kJudged, kOfInterest.
  void begin(std::uint32_t row, std::int64_t minute, std::uint8_t flags);

  struct Place {
    RowBlock& block;
    std::size_t row;
  };
  Place at(std::uint32_t row) { return {blocks_[row / kBlockRows], row % kBlockRows}; }
  struct ConstPlace {
    const RowBlock& block;
    std::size_t row;
  };
  ConstPlace at(std::uint32_t row) const { return {blocks_[row / kBlockRows], row % kBlockRows}; }

  /// What a minute brings besides the counts; each list by row, ascending.
  struct Minute {
    std::int64_t minute = 0;
    std::span<const MinuteInput::Count> counts;
    std::span<const float> profile, api_calls;  // errors only: one a row
    bool is_alive = true, frozen = false;
    std::span<const Scope> scopes;
    const CallerWitness* callers = nullptr;
    Explanation* explanation = nullptr;  // as in `MinuteInput`
    std::uint32_t explained_row = 0;
  };
  void close(const Minute& input, MinutePass& pass, std::vector<Transition>& transitions);

  /// Nothing was observed for a while, and is again from `minute` on: the windows, the gaps, and the hour and day that were under way begin
  /// anew, and rows that had become suspicious are quiet. What was learned stays, and so do incidents that were told of.
  void wake(std::int64_t minute);

  /// Errors: the share of failing calls, p = (A_s + 0.01) / (A_s of the API + 2).
  void refresh_error_shares(const SeriesTable& calls);

  /// At the end of a day: pools the dispersion of rows that are alike; needs 20 of them.
  void pool_dispersions();

  /// x of a closed minute, of the last 16, and of a quarter of an hour (as far as it is closed), of the last 16.
  std::uint32_t minute_count(std::uint32_t row, std::int64_t minute) const;
  std::uint32_t quarter_count(std::uint32_t row, std::int64_t quarter) const;

  /// Calls of one day (days since 1970) so far, of the last 9; late ones included.
  void add_to_day(std::uint32_t row, std::int64_t day, std::uint32_t count);
  std::uint64_t day_count(std::uint32_t row, std::int64_t day) const;

  const PooledDispersion& pools() const { return pools_; }

  /// s of every row for `minute`; calls only.
  float profile_of(std::uint32_t row, const ProfilePlace& place) const;

  /// What all rows share, wide counts, and the rows; `order`: the numbers of all rows in the order in which they are saved.
  void save(ByteWriter& out, std::span<const std::uint32_t> order) const;
  /// Into a fresh table: `rows` rows, numbered as they were saved. What `RowBlock` does not save of them is as in a new row.
  Result<void> load(ByteReader& in, std::uint32_t rows);

  std::size_t memory_bytes() const;

 private:
  /// What is above 16 bits of a row's minute and quarter counts.
  struct Wide {
    std::array<std::uint16_t, kRing> minute{}, quarter{};
    bool empty() const;
  };

  void save_wide(ByteWriter& out, std::span<const std::uint32_t> order) const;
  Result<void> load_wide(ByteReader& in, std::uint32_t rows);
  Result<void> load_blocks(ByteReader& in, std::uint32_t rows);
  void begin_day(std::int64_t day);
  void widen(std::int64_t minute, std::span<const MinuteInput::Count> counts);
  MinuteInput::WideSum wide_sum(std::uint32_t row, const Wide& wide, std::int64_t minute) const;

  SeriesKind kind_;
  std::size_t first_rows_;
  std::uint32_t rows_ = 0;
  std::vector<RowBlock> blocks_;
  std::unordered_map<std::uint32_t, Wide> wide_;
  PooledDispersion pools_{kDispersionPrior, kDispersionPrior, kDispersionPrior};
  std::int64_t day_ = -1;  // of the last minute closed: its day totals exist
  std::int64_t minutes_closed_ = 0;
  std::vector<MinuteInput::Count> counts_;  // scratch: of one block
  std::vector<MinuteInput::WideSum> wide_sums_;
};

}  // namespace trailwarden::baseline
