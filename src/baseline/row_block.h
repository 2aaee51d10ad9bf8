#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "baseline/constants.h"
#include "baseline/profile.h"
#include "core/bytes.h"
#include "core/result.h"

namespace trailwarden::baseline {

/// What a row counts.
enum class SeriesKind : std::uint8_t {
  kCalls,   // calls of an API; judged upwards and downwards if they are of interest (writes; data events), else only learned
  kErrors,  // its failed calls with one error code; judged upwards
};

inline constexpr std::size_t kBlockRows = 2048;  // a minute pass works on this many rows at a time: what it touches fits the L2 cache
inline constexpr std::size_t kRing = 16, kDayRing = 9;
inline constexpr std::size_t kBlockRing = 14;            // two hours each
inline constexpr std::uint16_t kUnknownBlock = 0xffff;   // not all of it was seen, or it holds too many calls to care
inline constexpr std::uint16_t kPartialBlock = 0xfffe;   // it will be unknown when it ends
inline constexpr std::uint16_t kNoLow = 0x7f80;          // infinity
inline constexpr std::size_t kPools = 3;  // of dispersions, by class of level
inline constexpr std::int32_t kLongAgo = -1'000'000'000;  // a minute before all minutes

/// The channels that score a row. Windows first, so that a window's number is its channel's.
inline constexpr std::size_t kCusumUpChannel = 5, kDownChannels = 6, kCusumDownChannel = 11, kGapChannel = 12, kDayChannel = 13;
inline constexpr std::size_t kCallChannels = 14, kErrorChannels = 6;

/// Bits of a row's state.
enum RowFlag : std::uint8_t {
  kJudged = 1,        // scores are wanted, not only learning
  kOn = 2,            // something unusual is going on
  kDownwards = 4,     // direction of what is going on
  kStarted = 8,       // a Start was sent for it
  kAdopted = 16,      // it went on so long that it becomes the new normal; its End was sent
  kBorn = 32,         // its first minute has closed, or is closing
  kOfInterest = 64,   // it would be judged if its scope wanted it: a write, data events, an error
  kGated = 128,       // while it is on: so unusual that it is learned from at kGatedLearning only
};

/// One column, or several of the same type: channel c of row r is `[c][r]`.
template <class T>
class Columns {
 public:
  T* operator[](std::size_t channel) const { return data_ + channel * stride_; }
  T* data() const { return data_; }

 private:
  friend class RowBlock;
  T* data_ = nullptr;
  std::size_t stride_ = 0;
};

/// The state of up to 2,048 series of one kind, as columns: structure of arrays in one allocation.
///
/// Units: calls, minutes, nats, weeks as in docs/baseline.md. 688 bytes a row of calls, 331 a row of errors.
/// A row is a number; what it is called is the table's business.
class RowBlock {
 public:
  /// `capacity`: rows to make room for, 1..kBlockRows.
  RowBlock(SeriesKind kind, std::size_t capacity);

  SeriesKind kind() const { return kind_; }
  std::size_t rows() const { return rows_; }
  std::size_t capacity() const { return capacity_; }
  std::size_t channels() const { return kind_ == SeriesKind::kCalls ? kCallChannels : kErrorChannels; }
  std::size_t memory_bytes() const { return bytes_; }

  /// A fresh row behind the last one; there must be room. Or `rows` of them: the first.
  std::size_t append(std::size_t rows = 1);
  /// Makes a row as if nothing were known of it but who it is.
  void reset(std::size_t row);
  /// Makes room; keeps every row.
  void grow(std::size_t capacity);

  /// Adds to a saved state what is known of `rows`, numbered through full blocks: column by column, channel by channel, a value for each of them. Of
  /// who a row is only its key; the rest is what the numbers of others refer to.
  static void save(ByteWriter& out, SeriesKind kind, std::span<const RowBlock> blocks, std::span<const std::uint32_t> rows);
  /// Bytes of that for one row.
  static std::size_t saved_bytes(SeriesKind kind);
  /// Fills blocks whose rows are fresh. Refuses what no minute pass can leave behind.
  static Result<void> load(ByteReader& in, SeriesKind kind, std::span<RowBlock> blocks);

  // Levels: decayed calls and exposures, fast and slow clock [calls, minutes].
  Columns<float> calls_fast, exposure_fast, calls_slow, exposure_slow;

  // Profile; calls only.
  Columns<std::uint8_t> profile;           // [168]
  Columns<std::uint8_t> day_type_profile;  // [48]
  Columns<float> day_exposure;             // [7]
  Columns<float> day_type_exposure;        // [2]
  Columns<float> hour_calls, hour_expected, day_expected;

  // Counts and their expectations, by minute mod 16 and by quarter of an hour mod 16. Counts are the low 16 bits; the table keeps what is above.
  Columns<std::uint16_t> minute_count, minute_mean, quarter_count, quarter_mean;  // [16]; means in bfloat16

  // Dispersion by window.
  Columns<float> squares, squares_exposure;  // num_w, den_w [5]

  // CUSUM, up and down (down: calls only); gap clocks, operational and wall (calls only).
  Columns<float> cusum;                              // [2]
  Columns<float> gap_length, gap_mean, gap_squares;  // L, m, q [2]
  Columns<std::uint16_t> gaps;                       // n [2]

  // Tails by channel: past peaks (binary16), weeks watched, and the episode that is open.
  Columns<std::uint16_t> peaks, peak_excess;  // n, E
  Columns<float> weeks_watched;               // T
  Columns<std::uint16_t> episode_peak;        // largest score of the open episode, binary16
  Columns<std::uint16_t> episode_age;         // steps since it began
  Columns<std::uint8_t> episode_calm;         // steps since the score was above the peak level
  Columns<std::uint16_t> episodes;            // one bit a channel: an episode is open

  // The largest X of each window, in bfloat16 rounded up: of the last 28 days by the calendar, and of these; in the four hours by the clock before these, and in these.
  Columns<std::uint16_t> record, record_of_epoch, record_before, record_now;  // [5]

  // What becomes of daily jobs; calls only. Calls of each two hours by the clock, mod 14, or kUnknownBlock; the fewest calls of such 28 hours, in bfloat16 rounded down, or
  // kNoLow; the most minutes in a row without a call: each of the last 28 days by the calendar, of these, of the day before, and of today.
  Columns<std::uint16_t> block_count;  // [14]
  Columns<std::uint16_t> low, low_of_epoch, low_before, low_now;
  Columns<std::uint16_t> longest_gap, longest_gap_of_epoch, longest_gap_before, longest_gap_now;

  Columns<float> error_share;  // p; errors only

  // The state machine.
  Columns<std::uint8_t> flags;         // RowFlag
  Columns<std::uint8_t> calm_minutes;  // q: minutes without live evidence while on
  Columns<std::uint16_t> on_minutes;
  Columns<std::int32_t> ended_at;   // minute at which it was last on
  Columns<std::int32_t> free_from;  // [2] no new Start before this minute, up and down
  Columns<std::int32_t> born_at;    // minute; an errors row has its API's

  Columns<std::uint32_t> day_count;         // [9] by day mod 9, late ones included
  Columns<std::uint8_t> pool;               // row of the table of pooled dispersions, kNoPool before the first pooling

  // Who the row is: what `reset` leaves alone.
  Columns<std::uint64_t> key;        // 64-bit hash of account, Region, eventSource, eventName, kind and errorCode
  Columns<std::uint32_t> open_slot;  // where its open minutes are counted, or kNoSlot
  Columns<std::uint8_t> scope;       // which of the configured scopes it belongs to
  Columns<std::uint32_t> name;       // calls: where its event name stands, and whether it is of data events
  Columns<std::uint16_t> word;       // calls: number of its event source; errors: of its error code
  Columns<std::uint32_t> call_row;   // errors: the API's calls row
  static constexpr std::uint32_t kNoSlot = UINT32_MAX;
  static constexpr std::uint8_t kNoPool = 255;

 private:
  struct Free {
    void operator()(std::byte* bytes) const;
  };

  /// Calls `visit(column, channels, value of a fresh row)` for every column of a kind, always in the same order; `column`: which member.
  template <class Visit>
  static void for_each(SeriesKind kind, Visit visit) {
    for_each_identity(kind, visit);
    for_each_state(kind, visit);
  }
  template <class Visit>
  static void for_each_identity(SeriesKind kind, Visit visit);
  template <class Visit>
  static void for_each_state(SeriesKind kind, Visit visit);
  /// The same for the columns that are saved.
  template <class Visit>
  static void for_each_saved(SeriesKind kind, Visit visit);
  void allocate(std::size_t capacity);
  std::string_view fault() const;

  SeriesKind kind_;
  std::size_t rows_ = 0, capacity_ = 0, bytes_ = 0;
  std::unique_ptr<std::byte[], Free> memory_;
};

}  // namespace trailwarden::baseline
