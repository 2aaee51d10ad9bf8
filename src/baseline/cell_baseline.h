#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "baseline/callers.h"
#include "baseline/dropped_rows.h"
#include "baseline/explanation.h"
#include "baseline/incident.h"
#include "baseline/minute_pass.h"
#include "baseline/row_index.h"
#include "baseline/series_id.h"
#include "baseline/series_table.h"
#include "core/bytes.h"
#include "core/hash.h"
#include "core/result.h"

namespace trailwarden::baseline {

class SavedOrder;
class SectionReader;
class SectionWriter;

/// What a series is called. Views into the cell, valid until it counts a series that is new.
struct SeriesName {
  std::string_view event_source, event_name, error_code;  // error_code: errors only
};

/// What may be asked of a part of an account's series.
struct ScopeSettings {
  double budget = 1;  // factor on the false Insights that these series may cost
  double minimum_count = 0;
  bool calls = true, errors = true, up = true, down = true;
};

struct BaselineSettings {
  double false_insights_per_week = 1;  // of an account
  bool calibrated = true;              // `Scope::calibrated`
  double share = 1;                    // of that, which this Region may cost
  double warm_up_minutes = 720;        // no Insight before a series has been watched so long; at least kColdMinutes
  std::size_t open_minutes = 18;       // lateness and a little more
  std::size_t max_rows = 20'000;       // of a kind, in one cell; what is beyond shares one overflow row
  std::vector<ScopeSettings> scopes{{}};  // number 0 is for series that no scope names
  /// Which of `scopes` a series belongs to; none: number 0.
  std::function<std::uint8_t(std::string_view event_source, std::string_view event_name)> scope_of;
};

/// Something unusual began, or ended, in one series.
struct Verdict {
  SeriesId series;
  Transition::What what = Transition::What::kStart;
  Direction direction = Direction::kUp;
  bool adopted = false;
  bool early = false;        // decided while the minute was open, by the call that crossed the line
  std::int64_t minute = 0;   // that decided
  Evidence evidence;         // of a Start
  double alpha = 0;          // the threshold it was held against
};

/// The baselines of one (account, Region): counts of the minutes that are open, rows of everything learned, and who is judged how.
///
/// Detect early, learn late: `count` judges, upwards, with the call that crosses; `close` learns, and judges everything else. What is late
/// comes to `count_late` and touches no baseline.
/// Not thread-safe. Memory: about 1 kB an API, `memory_bytes`.
class CellBaseline {
 public:
  CellBaseline(const BaselineSettings& settings, std::string_view account, std::string_view region);

  /// What one call brings.
  struct Call {
    std::string_view event_source, event_name, error_code;  // error_code: empty for a call that worked
    bool is_judged = false;  // its call rate, not only its errors
    bool is_data = false;
    std::uint64_t caller = 0;  // hash of who called; 0: unknown
  };

  /// One call in an open minute. Adds what it decides to `verdicts`; returns its series: of the call, and of its error if it failed.
  struct Counted {
    SeriesId calls;
    std::optional<SeriesId> errors;
  };
  Counted count(const Call& call, std::int64_t minute, std::vector<Verdict>& verdicts);

  /// A call of a minute that is closed; series that are unknown stay so.
  std::optional<Counted> count_late(const Call& call, std::int64_t minute);

  /// Closes the minutes before `minute`, in order. After each one, and after its verdicts were added, `after(minute)` is called: what is
  /// asked of this cell then is answered as of that minute. A cell without a call for kDormantAfter minutes sleeps: time stands still for it until
  /// `wake`, for nothing says that its calls were 0 rather than unrecorded.
  template <class After>
  void close_before(std::int64_t minute, MinutePass& pass, std::vector<Verdict>& verdicts, After after) {
    if (next_ == kNever) return;
    const std::int64_t until = std::min(minute, newest_ + kDormantAfter);
    while (next_ < until) {
      close_one(pass, verdicts);
      after(next_ - 1);
    }
  }
  static constexpr std::int64_t kDormantAfter = 1440;

  /// The account-Region as a whole is suspiciously silent in the minutes [from, until): when they close, nothing is learned from them, and nothing is said to have become
  /// less (`MinuteInput::frozen`). Replaces what was frozen before. Not saved: whoever says so says it again to a cell that was loaded.
  void freeze(std::int64_t from, std::int64_t until) {
    frozen_from_ = from;
    frozen_until_ = until;
  }
  bool is_frozen(std::int64_t minute) const { return minute >= frozen_from_ && minute < frozen_until_; }

  /// From here on these settings hold, with the `open_minutes` of before: scopes and thresholds become theirs, as if the cell had been saved and loaded with them. What goes on
  /// is judged on. O(rows). They must outlive this.
  void follow(const BaselineSettings& settings);

  /// `Callers::forget`.
  bool forget_caller(std::uint64_t caller) { return callers_.forget(caller); }

  /// Before a call of `minute`; minutes from `open_from` on, that of the watermark, are open. Begins a fresh cell there; one that slept
  /// wakes with the minute of the call.
  void wake(std::int64_t minute, std::int64_t open_from);

  /// The first minute that is open; kNever before the first call.
  static constexpr std::int64_t kNever = INT64_MIN;
  std::int64_t first_open() const { return next_; }
  /// The newest minute that has a call; kNever before the first one.
  std::int64_t newest() const { return newest_; }

  SeriesName name_of(SeriesId series) const;
  std::uint64_t key_of(SeriesId series) const { return key_of(series.kind, series.row); }
  bool is_data(SeriesId series) const;
  /// How long a series has been watched, in minutes that fade with the slow clock: what `warm_up_minutes` is held against.
  float watched_minutes(SeriesId series) const { return table(series.kind).rows.at(series.row).block.exposure_slow[0][series.row % kBlockRows]; }
  /// The minute that it is known since.
  std::int64_t known_since(SeriesId series) const { return table(series.kind).rows.at(series.row).block.born_at[0][series.row % kBlockRows]; }
  /// The order of series that does not depend on which was born first: by key, then by kind and name.
  std::strong_ordering compare(SeriesId a, SeriesId b) const;

  /// Minutes of a series from `from` to `to`, newest first: single ones as far back as they are known, quarters of an hour before.
  std::vector<Span> spans(SeriesId series, std::int64_t from, std::int64_t to) const;

  /// Calls from midnight UTC seven days before the day of `start` up to `start`, which must lie within what `spans` knows.
  std::uint64_t baseline_count(SeriesId series, std::int64_t start) const;

  /// The knob, asked and got: what the false Insights of this Region may cost, who shares that now, and what its thresholds have allowed since this instance was made.
  struct Knob {
    double of_account = 0, of_region = 0;  // false Insights a week that were asked for
    double silences = 0;        // of the Region's, kept for silences of the whole account
    std::array<std::uint64_t, 2> directions{};  // that could alarm in this hour, up and down
    std::array<double, 2> allowed{};            // false ones a week that their thresholds allow
    double least_alpha = 0, most_alpha = 0;     // thresholds of them; 0: there are none
    double expected_false = 0;  // what was allowed, hour by hour
    std::uint64_t judged_hours = 0;             // that closed with something under test
  };
  Knob knob() const;

  /// Which series is called so; what is not a call of data events is one of management events.
  std::optional<SeriesId> series_named(const SeriesName& name, bool is_data) const;

  /// The minutes that `explain` knows: the last closed ones, and the open ones up to the newest that has a call. Empty (first > last) before the first call.
  std::pair<std::int64_t, std::int64_t> known_minutes() const;
  /// Why one of these says what it says, upwards. An open minute: as `count` judges it. A closed one: its counts and means by today's levels, in windows that are still known.
  Explanation explain(SeriesId series, std::int64_t minute) const;
  /// How many more calls in one of these minutes would be an Insight, nothing else being different: at once if it is open, at its closing if it is closed; nullopt:
  /// none are enough (it is no series that is judged, or within its warm-up, or the limit is reached).
  std::optional<std::uint32_t> calls_to_alarm(SeriesId series, std::int64_t minute, std::uint32_t limit = 1U << 20) const;
  /// Closes the minutes up to and with `minute`, which is open, and explains what its closing came to: on a copy, what it would come to.
  Explanation close_and_explain(SeriesId series, std::int64_t minute, MinutePass& pass, std::vector<Verdict>& verdicts);
  /// The state of a series' judging.
  struct Standing {
    bool is_judged, is_warm, is_on, is_started, is_adopted;
    bool is_downwards;          // what is on
    double watched_minutes, warm_up_minutes;
    std::int64_t free_from;     // no new Start upwards before this minute
  };
  Standing standing(SeriesId series) const;

  std::size_t rows() const { return tables_[0].rows.rows() + tables_[1].rows.rows(); }
  std::uint32_t rows(SeriesKind kind) const { return table(kind).rows.rows(); }
  /// Calls that were counted in an overflow row, because there was no room for a row of their own.
  std::uint64_t overflowed() const { return overflowed_; }
  /// Rows that were forgotten to make room, since this instance was made.
  std::uint64_t evicted() const { return evicted_; }
  /// Whether more than nine tenths of `max_rows` are taken.
  bool is_crowded() const { return std::max(rows(SeriesKind::kCalls), rows(SeriesKind::kErrors)) > most_kept(); }
  /// The rows to forget so that a tenth of `max_rows` is free. Those go first that have the fewest calls, as the slow clock remembers them, then the
  /// youngest, then by `compare`. So a flood of names pushes out its own (Lee et al., "LRFU", 2001; the last call alone would let it push out what is rare).
  /// Not what is on, has calls in open minutes or `is_held`; error codes go with their API.
  DroppedRows crowded_out(const std::function<bool(SeriesId)>& is_held) const;
  /// What `save` leaves out, of the instance that was saved: the Region's silence, and what is counted since it was made. `dropped`: how many rows were not saved.
  void go_on_from(const CellBaseline& before, std::size_t dropped);
  std::size_t memory_bytes() const;

  /// Everything that a later judgement depends on, as sections (docs/baseline.md, "Saved form"). Equal states give equal bytes, whatever the order
  /// in which their rows were born. Rows that `order` drops are left out, with whatever names them.
  void save(SectionWriter& out, const SavedOrder& order) const;
  /// Into a fresh instance of the same account and Region, whose rows then stand in the saved order. The settings may be others: scopes and
  /// thresholds become theirs. kMalformed leaves it unusable.
  Result<void> load(SectionReader& in);
  /// The series that is saved as `SavedOrder::number_of`; of a cell that was loaded and has counted nothing since.
  std::optional<SeriesId> series_at(std::uint32_t number) const;

 private:
  static constexpr std::uint32_t kNoSlot = RowBlock::kNoSlot;
  static constexpr std::uint32_t kDataName = 1U << 31;  // in a row's `name`: its calls are data events
  static constexpr std::size_t kMostNameBytes = std::size_t{1} << 30;  // of all event names; where one stands has 31 bits

  /// The calls of a series in the minutes that are open.
  struct OpenSeries {
    SeriesId series;
    std::vector<std::uint32_t> counts;  // by minute mod open_minutes
    std::uint32_t total = 0;
    std::int64_t newest = 0;
    // Judging upwards on every call: nothing can happen before `slack` more calls in `slack_minute`.
    std::int64_t slack_minute = INT64_MIN;
    std::uint32_t slack = 1;
    bool is_judged = false;
    std::optional<std::int64_t> decided;  // the minute of a Start that was said, and that the closing of minutes has yet to come to
    double told = 0;  // of what goes on upwards: A as it was last said; 0: not yet
  };

  struct Table {
    explicit Table(SeriesKind kind) : rows(kind) {}
    SeriesTable rows;
    RowIndex by_key;
    std::uint32_t last_row = UINT32_MAX;  // of the call before
  };

  Table& table(SeriesKind kind) { return tables_[static_cast<std::size_t>(kind)]; }
  const Table& table(SeriesKind kind) const { return tables_[static_cast<std::size_t>(kind)]; }

  std::uint64_t key_of(SeriesKind kind, std::uint32_t row) const;
  std::uint64_t hash(SeriesKind kind, const Call& call) const;
  bool is(SeriesKind kind, std::uint32_t row, const Call& call) const;
  std::optional<std::uint32_t> find(SeriesKind kind, std::uint64_t key, const Call& call) const;
  SeriesId series_of(SeriesKind kind, const Call& call);
  bool has_room(SeriesKind kind, const Call& call) const;
  std::uint32_t add(SeriesKind kind, std::uint64_t key, const Call& call);
  std::uint32_t add_name(std::string_view name);
  std::string_view name_at(std::uint32_t at) const;
  std::uint16_t word(std::string_view text);
  std::uint32_t& slot_of(SeriesId series);
  std::uint32_t slot_of(SeriesId series) const;
  OpenSeries& open(SeriesId series);

  void count_one(SeriesId series, const Call& call, std::int64_t minute, std::vector<Verdict>& verdicts);
  void judge(OpenSeries& open, std::int64_t minute, std::vector<Verdict>& verdicts);
  struct Sums {
    std::array<std::uint64_t, kWindowCount> count;
    std::array<float, kWindowCount> mean;
  };
  /// What the windows that end at one open minute come to.
  struct Look {
    Evidence evidence;  // of the window with the smallest tail
    std::uint32_t slack = UINT32_MAX;  // so many calls change nothing
  };
  class Witness;
  Look look(const OpenSeries& open, std::int64_t end, const Level& level, double alpha) const;
  Look glance(const OpenSeries& open, std::int64_t end, const Level& level, double alpha, bool at_closing, Explanation* why = nullptr) const;
  Look weigh(SeriesId series, std::int64_t end, const Sums& sum, const std::array<float, kWindowCount>& learned, const Level& level, double alpha, Explanation* why = nullptr) const;
  Sums closed_sums(SeriesId series, std::int64_t end) const;
  Look closed_look(SeriesId series, std::int64_t end, std::uint32_t more, double alpha, Explanation* why = nullptr) const;
  OpenSeries open_or_empty(SeriesId series) const;
  float dispersion_at_closing(const OpenSeries& open, std::size_t window, std::int64_t end, const Level& level) const;
  Sums sums(const OpenSeries& open, std::int64_t end, float level) const;
  float expected(const OpenSeries& open, std::int64_t minute, float level) const;

  void close_one(MinutePass& pass, std::vector<Verdict>& verdicts);
  void begin_rows(SeriesKind kind);
  void begin_row(SeriesId series, bool is_judged);
  void gather(SeriesKind kind);
  void settle(SeriesKind kind, const std::vector<Transition>& transitions, std::vector<Verdict>& verdicts);
  void release();
  std::uint64_t cost_of_tests() const;
  using Alarming = std::array<std::array<std::uint64_t, 2>, 256>;  // a scope's number has 8 bits
  Alarming alarming() const;
  void set_scopes();
  void set_scopes(std::vector<Scope>& scopes, std::uint64_t cost) const;
  const Scope& scope_at(std::uint8_t number, std::int64_t minute) const;
  void set_places();
  std::uint8_t scope_of(const Call& call) const;
  bool is_wanted(SeriesId series) const;

  void save_open(ByteWriter& out, const SavedOrder& order) const;
  Result<void> load_clock(ByteReader& in);
  Result<void> load_words(ByteReader& in, std::uint32_t count);
  Result<void> load_apis(ByteReader& in, std::uint32_t count);
  Result<void> load_error_codes(ByteReader& in, std::uint32_t count);
  Result<void> take_row(SeriesId series);
  void set_scope_of_row(SeriesId series, const Call& call);
  Result<void> load_open(ByteReader& in, std::uint32_t count);

  bool is_busy(SeriesId series) const;
  std::size_t most_kept() const { return settings_->max_rows - settings_->max_rows / 10; }

  const BaselineSettings* settings_;
  std::uint64_t cell_hash_;
  std::array<Table, 2> tables_{Table(SeriesKind::kCalls), Table(SeriesKind::kErrors)};
  std::string names_;  // event names, each behind its length
  std::vector<std::string> words_;  // event sources and error codes, which repeat from row to row
  std::unordered_map<std::string, std::uint16_t> word_numbers_;
  std::vector<OpenSeries> open_;
  std::vector<std::uint32_t> free_slots_, used_slots_;
  std::int64_t next_ = kNever;    // the next minute to close
  std::int64_t newest_ = kNever;  // minute that has a call
  std::int64_t frozen_from_ = kNever, frozen_until_ = kNever;
  /// Of the directions under test, which share the budget: what holds in this hour, and what will in the next. The latter is known before a minute of
  /// it is open, so that a call is held against the same threshold whether its minute is open or closes.
  std::uint64_t cost_ = kUpwardCost, next_cost_ = kUpwardCost;
  std::vector<Scope> scopes_, next_scopes_;
  std::vector<ProfilePlace> places_;  // of the open minutes, by minute mod open_minutes
  std::uint64_t overflowed_ = 0, evicted_ = 0;
  Callers callers_;

  double expected_false_ = 0;
  std::uint64_t judged_hours_ = 0;

  // What closing explains; null but within `close_and_explain`.
  Explanation* explanation_ = nullptr;
  SeriesId explained_;

  // Scratch of closing.
  std::vector<MinuteInput::Count> counts_;
  std::vector<float> profile_, api_calls_;
  std::vector<Transition> transitions_;
};

}  // namespace trailwarden::baseline
