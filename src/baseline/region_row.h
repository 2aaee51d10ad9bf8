#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "baseline/minute_pass.h"
#include "baseline/series_table.h"
#include "core/bytes.h"
#include "core/result.h"

namespace trailwarden::baseline {

/// How silent a row is.
struct Quietness {
  double score = 0;  // S: the largest of the downward windows' and of the gap's [nat]
  double tail = std::numeric_limits<double>::infinity();  // A: expected false alarms of it, per week
  std::int64_t gap = 0;  // minutes since the newest record of what should be here
  std::int64_t minutes = 0;  // missing: without a record and none behind them, as far as the log's clock was going
  double expected = 0;  // records in these minutes
  bool is_lasting = false;  // longer than its own past silences explain
};

/// Everything that one (account, Region) records, as one series, learned like the calls of an API; judged downwards only, by `detectors::Silence`.
///
/// Its clock is not the watermark. A minute is closed, and learned, once whatever happened in it should be here *and* a record from it or from later on is; what
/// is missing at the end is only looked at *as if* it had closed without records. So a trail that is dead is not learned as quiet, and late records still
/// find their minutes open.
/// Memory: 1.2 kB, and 16 bytes an open minute that has records. Not thread-safe. Time: event minutes, handed in.
class RegionRow {
 public:
  explicit RegionRow(std::uint64_t key);

  /// A record of `minute`. Of a minute that is closed: too late, and without effect.
  void count(std::int64_t minute);

  /// Closes the minutes before `end` up to the newest one that has a record. After kAsleepAfter minutes without any it sleeps, and wakes with the next record.
  void close_before(std::int64_t end, MinutePass& pass);
  static constexpr std::int64_t kAsleepAfter = 14 * 1440;

  /// Nothing happened, by the log's clock, between `from` and `to`: these minutes are neither missed nor waited for.
  struct Pause {
    std::int64_t from = INT64_MIN, to = INT64_MIN;
    bool has(std::int64_t minute) const { return minute >= from && minute < to; }
  };

  /// How silent it is as of the end of minute `end` - 1, if what is not closed had no records. Minutes before `end` are closed as far as they can be.
  Quietness look(std::int64_t end, const Pause& pause);
  /// S if it had had no record in the `minutes` before `end`.
  double score_if_silent(std::int64_t end, std::int64_t minutes) const;

  /// The silence that is going on was told of: it is not one to get used to.
  void disown() { disowned_ = true; }

  /// The minutes before this one are closed; INT64_MIN before the first record.
  std::int64_t closed_until() const { return next_; }
  bool is_empty() const { return newest_ == kNever; }
  /// The newest minute that has a record.
  std::int64_t newest() const { return newest_; }
  bool sleeps(std::int64_t end) const { return is_empty() || end - newest_ > kAsleepAfter; }
  /// Minutes since its first record.
  std::int64_t age(std::int64_t end) const { return is_empty() ? 0 : end - born_; }
  /// The longest silence that it has had, of the last 28 to 56 days [min].
  std::int64_t longest_gap() const { return std::max(gap_of_epoch_, gap_before_); }
  /// Records a minute, without the profile.
  double level() const;

  std::size_t memory_bytes() const { return sizeof *this + rows_.memory_bytes() + open_.capacity() * sizeof open_[0]; }

  void save(ByteWriter& out) const;
  Result<void> load(ByteReader& in);

 private:
  static constexpr std::int64_t kNever = INT64_MIN;

  struct Open {
    std::int64_t minute;
    std::uint32_t count;
  };

  void close_one(MinutePass& pass);
  void learn_gap(std::int64_t minute);
  double gap_score(float operational, float wall, float mean) const;

  SeriesTable rows_{SeriesKind::kCalls, 1};
  std::uint64_t key_;
  std::vector<Open> open_;  // minutes that are not closed and have records, in order
  std::int64_t next_ = kNever;    // the next minute to close
  std::int64_t newest_ = kNever;
  std::int64_t born_ = kNever;
  std::int64_t last_ = kNever;    // of the closed minutes, the newest with a record
  // The longest, of this epoch and of the one before [min]. Not what the row's own longest_gap columns hold: they, by which an API's pauses are weighed, know nothing of
  // silences that were told of and are not to be got used to, take a pause in from the day after on, and end at 65,535 minutes.
  std::int64_t gap_of_epoch_ = 0, gap_before_ = 0;
  bool disowned_ = false;

  // What `look` has added up since the last minute was closed.
  std::int64_t looked_ = kNever;  // up to this minute
  std::int64_t missing_ = 0;      // minutes
  float missing_mean_ = 0;        // records expected in them

  std::vector<Transition> unheard_;  // scratch
};

}  // namespace trailwarden::baseline
