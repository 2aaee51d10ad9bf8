#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "baseline/model.h"
#include "baseline/row_block.h"
#include "baseline/tail.h"

namespace trailwarden::baseline {

enum class Direction : std::uint8_t { kUp, kDown };

/// What is asked of the rows of one scope: part of the budget, and what else its users want.
struct Scope {
  double alpha = 0;  // alarm level, per week, series and direction
  double minimum_count = 0;  // calls in the deciding window below which nothing is said
  float warm_up = kColdMinutes;  // exposure before the first alarm [min]; peaks are learned from kColdMinutes on, so what recurs is known by then
  bool up = true, down = true;
  double regular_clock = kRegularClock;  // regularity from which on a gap can be a missed run; 0: as the vectors have it
  bool calibrated = true;  // A is what `calibrate` makes of the tails; else they alone decide, as the vectors have it
};

/// Pooled dispersion priors of the rows of one kind in one (account, Region), by class of level (to 0.01, to 0.3, above [calls/min]) and window.
using PooledDispersion = std::array<std::array<float, kWindowCount>, kPools>;

/// What a row's windows held in one minute, and how unusual that was, in the direction it concerns.
struct Evidence {
  std::uint8_t channel = 0;      // of kWindows; kCusumUpChannel, ...
  double score = 0;              // S [nat]
  double tail = std::numeric_limits<double>::infinity();  // expected false alarms of such a score by the tail of its channel, per week
  double caller = 0;  // c: what who called says of it (`Callers::evidence`); upwards
  double record = 0;  // e: what the series' own record says of it (`calibrate`)
  double false_alarms = std::numeric_limits<double>::infinity();  // A: of both together, per week
  double count = 0, mean = 0, dispersion = 1;  // X, M, phi of the window
};

/// A change of the state machine of one row.
struct Transition {
  enum class What : std::uint8_t {
    kStart,
    kEnd,
    kConfirmed,  // the closing of minutes comes to the Start that was said while they were open
    kStill,      // it goes on, and this is how unusual it is now
  } what = What::kStart;
  std::uint32_t row = 0;  // in its table
  Direction direction = Direction::kUp;
  bool adopted = false;  // an End because it is the new normal
  Evidence evidence;     // of a Start, and of what goes on
};

struct Explanation;

/// Says who called, when it matters.
class CallerWitness {
 public:
  virtual ~CallerWitness() = default;
  /// `Callers::evidence` of a row of the table that is closing.
  virtual double evidence(std::uint32_t row) const = 0;
};

/// What the pass over one block needs to know of the minute.
struct MinuteInput {
  std::int64_t minute = 0;
  std::uint32_t first_row = 0;  // number of the block's row 0 in its table
  /// Counts of the rows that have any, by row in the block, ascending; a count may exceed 16 bits.
  struct Count {
    std::uint32_t row;
    std::uint32_t count;
  };
  std::span<const Count> counts;
  /// What counts and quarter sums are beyond their 16 bits: for rows that need it, X by window is corrected by these [calls].
  struct WideSum {
    std::uint32_t row;
    std::array<float, kWindowCount> more;
  };
  std::span<const WideSum> wide;
  std::span<const float> profile;    // s of each row; errors rows are handed their API's, calls rows leave it empty
  std::span<const float> api_calls;  // errors: x of each row's API in this minute
  const PooledDispersion* pools = nullptr;
  bool is_alive = true;  // the account-Region has records from this minute on; without, a silence says nothing of one API
  bool frozen = false;   // the whole account-Region is suspiciously silent: as if the minute had not been. Nothing is learned, gaps stand, nothing is scored downwards
  std::span<const Scope> scopes;  // by `RowBlock::scope`
  const CallerWitness* callers = nullptr;
  Explanation* explanation = nullptr;  // of `explained_row`, a row of the table: filled with what this minute finds; nothing depends on it
  std::uint32_t explained_row = 0;
};

/// Closes one minute of one block: scores every row, moves its state machine, learns. Sections 3 to 7 of docs/baseline.md.
///
/// Holds the scratch columns, about 400 KB, for any number of blocks, one at a time. Not thread-safe: one for each thread.
/// Cost: about 40 ns a row.
class MinutePass {
 public:
  MinutePass();
  ~MinutePass();

  /// Closes `input.minute`, in order, each minute once; with the last minute of an hour the hour's profile, of a day the day. Transitions
  /// are added to `transitions`, by row.
  void run(RowBlock& block, const MinuteInput& input, std::vector<Transition>& transitions);

  /// What the last minute that was run, of the last block, held for a row: level, its relative variance, profile, expected calls, and the least expected
  /// number of false alarms by direction (infinity if nothing was unusual). For tests and vectors.
  struct RowMinute {
    float level, variance, profile, mean;
    std::array<double, 2> false_alarms;
  };
  RowMinute last(std::size_t row) const;

 private:
  struct Scratch;
  struct Step;
  std::unique_ptr<Scratch> scratch_;
};

/// How much of a minute a row of these flags learns, unless it adopts what is unusual.
float learning_gate(std::uint8_t flags);

/// What the dispersion of one window of one row is learned from: decayed sums of (X - M)^2 and of M.
struct Squares {
  float sum, exposure;

  /// With one more whole window that holds X = `count` against M = `mean`, whose standard deviation was `sd`.
  /// `gate`: how much of it is learned.
  Squares with(float count, float mean, float sd, std::size_t window, float gate) const;
};
Squares squares_of(const RowBlock& block, std::size_t row, std::size_t window);

/// phi_w of one row; what the pass computes for the whole block.
float window_dispersion(const RowBlock& block, std::size_t row, std::size_t window, Squares squares, const PooledDispersion& pools);
inline float window_dispersion(const RowBlock& block, std::size_t row, std::size_t window, const PooledDispersion& pools) {
  return window_dispersion(block, row, window, squares_of(block, row, window), pools);
}

/// lambda and v of one row.
struct Level {
  float calls_per_minute, variance;
};
Level level_of(const RowBlock& block, std::size_t row, const PooledDispersion& pools);

/// Past peaks of one channel of one row.
PeakHistory peak_history(const RowBlock& block, std::size_t row, std::size_t channel);

}  // namespace trailwarden::baseline
