#include "baseline/region_row.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "baseline/calibration.h"
#include "baseline/gap_clock.h"
#include "baseline/model.h"
#include "baseline/negative_binomial.h"
#include "baseline/small_floats.h"

namespace trailwarden::baseline {
namespace {

constexpr std::int64_t kLongestWindow = 240, kEpochMinutes = 28 * 1440;
constexpr std::int64_t kLongestImagined = 480;  // minutes added up for what a silence would look like
// A silence is longer than the past explains from this many of the longest one on. One of more than a day is that of people, whose holidays come on top of weekends.
constexpr std::int64_t kDay = 1440;
constexpr double kOfShortGaps = 1.5, kOfLongGaps = 3;

/// Gates nothing but the row's own storms; nothing is alarmed by the pass.
constexpr std::array<Scope, 1> kScopes{{{.alpha = 0, .calibrated = false}}};

}  // namespace

RegionRow::RegionRow(std::uint64_t key) : key_(key) { rows_.add(key_, 0); }

void RegionRow::count(std::int64_t minute) {
  if (next_ == kNever) {
    next_ = looked_ = born_ = minute;
    rows_.begin(0, minute, kJudged | kOfInterest | kBorn);
  }
  if (minute < next_) return;
  // Records come nearly in order.
  auto at = open_.end();
  while (at != open_.begin() && (at - 1)->minute >= minute) --at;
  if (at == open_.end() || at->minute != minute) at = open_.insert(at, {minute, 0});
  ++at->count;
  newest_ = std::max(newest_, minute);
}

void RegionRow::close_before(std::int64_t end, MinutePass& pass) {
  if (next_ == kNever) return;
  const std::int64_t until = std::min(end, newest_ + 1);
  if (!open_.empty() && open_.front().minute - next_ > kAsleepAfter) {
    // It slept: what was expected meanwhile is not missed.
    if (open_.front().minute >= until) return;
    next_ = looked_ = open_.front().minute;
    missing_ = 0;
    missing_mean_ = 0;
    last_ = kNever;
    disowned_ = false;
    rows_.wake(next_);
  }
  while (next_ < until) close_one(pass);
}

void RegionRow::close_one(MinutePass& pass) {
  const bool has_records = !open_.empty() && open_.front().minute == next_;
  const std::array<MinuteInput::Count, 1> one{{{0, has_records ? open_.front().count : 0}}};
  unheard_.clear();
  rows_.close({.minute = next_, .counts = {one.data(), has_records ? 1U : 0U}, .scopes = kScopes}, pass, unheard_);
  if (has_records) {
    learn_gap(next_);
    open_.erase(open_.begin());
  }
  ++next_;
  if (next_ % kEpochMinutes == 0) {
    gap_before_ = gap_of_epoch_;
    gap_of_epoch_ = 0;
  }
  looked_ = next_;
  missing_ = 0;
  missing_mean_ = 0;
}

void RegionRow::learn_gap(std::int64_t minute) {
  if (last_ != kNever && !disowned_) gap_of_epoch_ = std::max(gap_of_epoch_, minute - last_);
  disowned_ = false;
  last_ = minute;
}

double RegionRow::level() const {
  const auto [block, r] = rows_.at(0);
  return is_empty() ? 0 : static_cast<double>(level_of(block, r, rows_.pools()).calls_per_minute);
}

double RegionRow::gap_score(float operational, float wall, float mean) const {
  const auto [block, r] = rows_.at(0);
  double score = 0;
  for (std::size_t clock = 0; clock < 2; ++clock) {
    const GapClock gap{clock == 0 ? operational : wall, block.gap_mean[clock][r], block.gap_squares[clock][r], block.gaps[clock][r]};
    if (gap.regularity() >= kRegularClock) score = std::max(score, gap.score(clock == 0 ? mean * 0.05F : 1.0F, gap.most_believed()));
  }
  return score;
}

Quietness RegionRow::look(std::int64_t end, const Pause& pause) {
  if (next_ == kNever) return {};
  end = std::max(end, next_);
  const auto [block, r] = rows_.at(0);
  if (block.exposure_slow[0][r] <= kColdMinutes) return {};
  const Level level = level_of(block, r, rows_.pools());
  const auto expected = [&](std::int64_t minute) { return level.calls_per_minute * rows_.profile_of(0, profile_place(minute)); };
  for (looked_ = std::max(looked_, next_); looked_ < end; ++looked_) {
    if (pause.has(looked_)) continue;
    ++missing_;
    missing_mean_ += expected(looked_);
  }

  Quietness out;
  const std::int64_t t = end - 1;
  out.gap = last_ == kNever ? 0 : t - last_;
  const auto note = [&](double score, std::size_t channel, double peak_level) {
    out.score = std::max(out.score, score);
    if (score > peak_level) out.tail = std::min(out.tail, kChannelsPerDirection * false_alarms_per_week(score, peak_level, peak_history(block, r, channel)));
  };
  // What is not closed, newest first; then what is: single minutes for the short windows, quarters of an hour for the long ones.
  float mean = 1e-9F;
  std::int64_t minute = t;
  const auto judge = [&](std::size_t w, double count, float window_mean) {
    if (!is_clear(block, r, w, t)) return;
    const float phi = total_dispersion(window_dispersion(block, r, w, rows_.pools()), window_mean, level.variance);
    if (count >= static_cast<double>(window_mean - kScreenDown * std::sqrt(phi * window_mean))) return;
    note(surprise(count, static_cast<double>(window_mean), static_cast<double>(phi)), kDownChannels + w, kWindowPeakLevel);
  };
  const std::int64_t last_quarter = t / 15;
  for (std::size_t w = 0; w < kWindowCount; ++w) {
    const std::int64_t start = kWindows[w] <= 15 ? end - kWindows[w] : (last_quarter - kWindows[w] / 15 + 1) * 15;
    for (; minute >= std::max(start, next_); --minute)
      if (!pause.has(minute)) mean += expected(minute);
    double count = 0;
    float window_mean = mean;
    if (start < next_ && kWindows[w] <= 15) {
      for (std::int64_t m = std::min(t, next_ - 1); m >= start; --m) {
        count += rows_.minute_count(0, m);
        window_mean += from_bfloat16(block.minute_mean[static_cast<std::size_t>(m % 16)][r]);
      }
    } else if (start < next_) {
      for (std::int64_t quarter = std::min(t, next_ - 1) / 15; quarter >= start / 15; --quarter) {
        count += static_cast<double>(rows_.quarter_count(0, quarter));
        window_mean += from_bfloat16(block.quarter_mean[static_cast<std::size_t>(quarter % 16)][r]);
      }
    }
    judge(w, count, window_mean);
  }
  if (out.gap > 0)
    note(gap_score(block.gap_length[0][r] + missing_mean_, block.gap_length[1][r] + static_cast<float>(missing_), expected(t)), kGapChannel, kClockPeakLevel);

  out.minutes = missing_;
  out.expected = static_cast<double>(missing_mean_);
  // A timer's own clock says what is long; of everything else its longest silence.
  const GapClock wall{0, block.gap_mean[1][r], block.gap_squares[1][r], block.gaps[1][r]};
  const double longest = static_cast<double>(longest_gap());
  out.is_lasting = wall.regularity() >= kRegularClock || static_cast<double>(missing_) >= (longest < kDay ? kOfShortGaps : kOfLongGaps) * longest;
  return out;
}

double RegionRow::score_if_silent(std::int64_t end, std::int64_t minutes) const {
  if (next_ == kNever) return 0;
  const auto [block, r] = rows_.at(0);
  if (block.exposure_slow[0][r] <= kColdMinutes) return 0;
  const Level level = level_of(block, r, rows_.pools());
  float mean = 1e-9F;
  double score = 0;
  std::size_t w = 0;
  const std::int64_t imagined = std::min(minutes, kLongestImagined);
  for (std::int64_t i = 1; i <= imagined; ++i) {
    mean += level.calls_per_minute * rows_.profile_of(0, profile_place(end - i));
    const bool whole = w < kWindowCount && i == kWindows[w];
    if (!whole && i != imagined) continue;
    const std::size_t window = std::min(w, kWindowCount - 1);
    if (i <= kLongestWindow) {
      const float phi = total_dispersion(window_dispersion(block, r, window, rows_.pools()), mean, level.variance);
      score = std::max(score, surprise(0, static_cast<double>(mean), static_cast<double>(phi)));
    }
    if (whole) ++w;
  }
  return std::max(score, gap_score(mean, static_cast<float>(minutes), 0));
}

void RegionRow::save(ByteWriter& out) const {
  for (const std::int64_t value : {next_, newest_, born_, last_, gap_of_epoch_, gap_before_, looked_, missing_}) out.signed_number(value);
  out.real(missing_mean_);
  out.flag(disowned_);
  if (next_ == kNever) return;
  out.number(static_cast<std::uint32_t>(open_.size()));
  for (const auto& [minute, count] : open_) {
    out.signed_number(minute);
    out.number(count);
  }
  const std::array<std::uint32_t, 1> order{0};
  rows_.save(out, order);
}

Result<void> RegionRow::load(ByteReader& in) {
  for (std::int64_t* const value : {&next_, &newest_, &born_, &last_, &gap_of_epoch_, &gap_before_, &looked_, &missing_}) *value = in.signed_number();
  missing_mean_ = in.real<float>();
  disowned_ = in.flag();
  if (!in.ok()) return fail(ErrorCode::kMalformed, "a silence row ends too early");
  if (next_ == kNever) return newest_ == kNever ? Result<void>{} : fail(ErrorCode::kMalformed, "records in a row without a beginning");
  constexpr std::int64_t kLast = INT32_MAX;
  const auto is_minute = [](std::int64_t m) { return m >= 0 && m <= kLast; };
  if (!is_minute(next_) || !is_minute(newest_) || !is_minute(born_) || !is_minute(looked_) || (last_ != kNever && !is_minute(last_)) || born_ > next_ || gap_of_epoch_ < 0 ||
      gap_before_ < 0 || missing_ < 0 || !std::isfinite(missing_mean_))
    return fail(ErrorCode::kMalformed, "a silence row whose minutes do not fit");
  const auto minutes = in.number<std::uint32_t>();
  if (!in.has(minutes, sizeof(std::int64_t) + sizeof(std::uint32_t))) return fail(ErrorCode::kMalformed, "open minutes of a silence row end too early");
  for (std::uint32_t i = 0; i < minutes; ++i) {
    const std::int64_t minute = in.signed_number();
    if (minute < next_ || minute > newest_ || (!open_.empty() && minute <= open_.back().minute)) return fail(ErrorCode::kMalformed, "open minutes of a silence row are out of order");
    open_.push_back({minute, in.number<std::uint32_t>()});
  }
  SeriesTable saved(SeriesKind::kCalls, 1);
  if (auto loaded = saved.load(in, 1); !loaded) return loaded;
  const auto [block, r] = saved.at(0);
  if (block.key[0][r] != key_) return fail(ErrorCode::kMalformed, "a silence row of another account or Region");
  rows_ = std::move(saved);
  return {};
}

}  // namespace trailwarden::baseline
