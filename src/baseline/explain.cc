// Why a cell says what it says: its judging functions once more, with their numbers kept.

#include <algorithm>
#include <cmath>
#include <limits>

#include "baseline/calibration.h"
#include "baseline/cell_baseline.h"
#include "baseline/negative_binomial.h"
#include "baseline/small_floats.h"
#include "baseline/tail.h"

namespace trailwarden::baseline {
namespace {

constexpr double kAnyRate = 1e6;  // a week: so often happens everything that is a score at all
constexpr std::int64_t kClosedMinutes = 15;  // those whose counts and means are in the rings, whatever the minute

}  // namespace

std::optional<SeriesId> CellBaseline::series_named(const SeriesName& name, bool is_data) const {
  const SeriesKind kind = name.error_code.empty() ? SeriesKind::kCalls : SeriesKind::kErrors;
  const Call call{.event_source = name.event_source, .event_name = name.event_name, .error_code = name.error_code, .is_data = is_data};
  const auto row = find(kind, hash(kind, call), call);
  return row ? std::optional(SeriesId{kind, *row}) : std::nullopt;
}

std::pair<std::int64_t, std::int64_t> CellBaseline::known_minutes() const {
  if (next_ == kNever) return {0, -1};
  return {next_ - kClosedMinutes, std::max(newest_, next_ - 1)};
}

CellBaseline::Standing CellBaseline::standing(SeriesId series) const {
  const auto [block, r] = table(series.kind).rows.at(series.row);
  const std::uint8_t flags = block.flags[0][r];
  const Scope& scope = scopes_[block.scope[0][r]];
  return {.is_judged = (flags & kJudged) != 0,
          .is_warm = block.exposure_slow[0][r] > scope.warm_up,
          .is_on = (flags & kOn) != 0,
          .is_started = (flags & kOn) != 0 && (flags & kStarted) != 0,
          .is_adopted = (flags & kOn) != 0 && (flags & kAdopted) != 0,
          .is_downwards = (flags & kDownwards) != 0,
          .watched_minutes = static_cast<double>(block.exposure_slow[0][r]),
          .warm_up_minutes = static_cast<double>(scope.warm_up),
          .free_from = block.free_from[0][r]};
}

CellBaseline::OpenSeries CellBaseline::open_or_empty(SeriesId series) const {
  if (const std::uint32_t slot = slot_of(series); slot != kNoSlot) return open_[slot];
  OpenSeries none;
  none.series = series;
  none.counts.assign(settings_->open_minutes, 0);
  none.newest = INT64_MIN;
  return none;
}

/// X and M as the closing of `end` had them; what the rings do not hold any more has a mean of 0.
CellBaseline::Sums CellBaseline::closed_sums(SeriesId series, std::int64_t end) const {
  const SeriesTable& rows = table(series.kind).rows;
  const auto [block, r] = rows.at(series.row);
  const std::int64_t oldest = next_ - static_cast<std::int64_t>(kRing), last = end / 15;
  Sums out{};
  std::uint64_t count = 0, of_quarter = 0;
  float mean = 0, quarter_mean = 0;
  std::size_t window = 0;
  for (std::int64_t minute = end; window < 3 && minute >= oldest; --minute) {
    count += rows.minute_count(series.row, minute);
    mean += from_bfloat16(block.minute_mean[static_cast<std::size_t>(minute % 16)][r]);
    if (minute == last * 15) {
      of_quarter = count;
      quarter_mean = from_bfloat16(to_bfloat16(mean));
    }
    if (end - minute + 1 != kWindows[window]) continue;
    out.count[window] = count;
    out.mean[window] = mean + 1e-9F;
    ++window;
  }
  if (quarter_mean <= 0) return out;
  count = of_quarter;
  mean = quarter_mean;
  const std::int64_t oldest_quarter = (next_ - 1) / 15 - static_cast<std::int64_t>(kRing) + 1;
  window = 3;
  for (std::int64_t quarter = last - 1; window < kWindowCount && quarter >= oldest_quarter; --quarter) {
    count += rows.quarter_count(series.row, quarter);
    mean += from_bfloat16(block.quarter_mean[static_cast<std::size_t>(quarter % 16)][r]);
    if (last - quarter + 1 != kWindows[window] / 15) continue;
    out.count[window] = count;
    out.mean[window] = mean + 1e-9F;
    ++window;
  }
  return out;
}

CellBaseline::Look CellBaseline::closed_look(SeriesId series, std::int64_t end, std::uint32_t more, double alpha, Explanation* why) const {
  const SeriesTable& rows = table(series.kind).rows;
  const auto [block, r] = rows.at(series.row);
  Sums sum = closed_sums(series, end);
  std::array<float, kWindowCount> learned{};
  for (std::size_t w = 0; w < kWindowCount; ++w) {
    sum.count[w] += more;
    learned[w] = window_dispersion(block, r, w, rows.pools());
  }
  return weigh(series, end, sum, learned, level_of(block, r, rows.pools()), alpha, why);
}

Explanation CellBaseline::explain(SeriesId series, std::int64_t minute) const {
  const SeriesTable& rows = table(series.kind).rows;
  const auto [block, r] = rows.at(series.row);
  const Level level = level_of(block, r, rows.pools());
  const bool is_open = minute >= next_;
  Explanation why;
  why.is_exact = is_open;
  why.is_under_test = (block.flags[0][r] & kJudged) != 0 && block.exposure_slow[0][r] > kColdMinutes;
  why.level = static_cast<double>(level.calls_per_minute);
  why.level_error = std::sqrt(static_cast<double>(level.variance));
  const std::uint32_t api = series.kind == SeriesKind::kCalls ? series.row : block.call_row[0][r];
  why.profile = static_cast<double>(table(SeriesKind::kCalls).rows.profile_of(api, profile_place(minute)));
  if (series.kind == SeriesKind::kErrors) why.error_share = std::min(static_cast<double>(block.error_share[0][r]), 1.0);
  why.drift = {static_cast<double>(block.cusum[0][r]), series.kind == SeriesKind::kCalls ? static_cast<double>(block.cusum[1][r]) : 0};
  if (series.kind == SeriesKind::kCalls) {
    why.gap_minutes = static_cast<double>(block.gap_length[1][r]);
    why.longest_gap = longest_gap(block, r);
    why.fewest_of_28_hours = fewest_of_28_hours(block, r);
  }
  why.alpha = scope_at(block.scope[0][r], minute).alpha;
  why.line = is_open ? why.alpha / kEarlyMargin : why.alpha;

  if (is_open) {
    const OpenSeries o = open_or_empty(series);
    why.mean = static_cast<double>(expected(o, minute, level.calls_per_minute));
    const bool holds_now = glance(o, minute, level, why.line, false).evidence.false_alarms <= why.line;
    why.best[0] = glance(o, minute, level, kAnyRate, holds_now, &why).evidence;
  } else {
    why.mean = static_cast<double>(from_bfloat16(block.minute_mean[static_cast<std::size_t>(minute % 16)][r]));
    why.best[0] = closed_look(series, minute, 0, kAnyRate, &why).evidence;
  }
  for (Explanation::Window& window : why.windows) {
    Evidence& e = window.evidence;
    if (e.score <= 0 && window.is_judged && is_off(e)) e.score = surprise(e.count, e.mean, e.dispersion);
    if (std::isfinite(e.tail)) why.channels[e.channel] = e;
  }
  return why;
}

std::optional<std::uint32_t> CellBaseline::calls_to_alarm(SeriesId series, std::int64_t minute, std::uint32_t limit) const {
  const SeriesTable& rows = table(series.kind).rows;
  const auto [block, r] = rows.at(series.row);
  const std::uint8_t number = block.scope[0][r];
  if (const Standing now = standing(series); !now.is_judged || !now.is_warm || !scopes_[number].up) return std::nullopt;
  const Level level = level_of(block, r, rows.pools());
  OpenSeries o = open_or_empty(series);
  const bool is_open = minute >= next_;
  o.newest = std::max(o.newest, minute);
  std::uint32_t* const count = is_open ? &o.counts[static_cast<std::size_t>(minute) % settings_->open_minutes] : nullptr;
  const std::uint32_t there = is_open ? *count : 0;
  const auto alarms = [&](std::uint32_t more) {
    if (!is_open) {
      const double alpha = scope_at(number, minute).alpha;
      return closed_look(series, minute, more, alpha).evidence.false_alarms <= alpha;
    }
    *count = there + more;
    for (std::int64_t end = std::max<std::int64_t>(minute, block.free_from[0][r]); end <= o.newest; ++end) {
      const double line = scope_at(number, end).alpha / kEarlyMargin;
      if (look(o, end, level, line).evidence.false_alarms <= line) return true;
    }
    return false;
  };
  return alarms(0) ? 0U : fewest_that_alarm(alarms, limit);
}

Explanation CellBaseline::close_and_explain(SeriesId series, std::int64_t minute, MinutePass& pass, std::vector<Verdict>& verdicts) {
  const auto nothing = [](std::int64_t) {};
  close_before(minute, pass, verdicts, nothing);
  verdicts.clear();
  Explanation why;
  explanation_ = &why;
  explained_ = series;
  close_before(minute + 1, pass, verdicts, nothing);
  explanation_ = nullptr;
  return why;
}

}  // namespace trailwarden::baseline
