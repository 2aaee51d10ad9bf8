#include "baseline/minute_pass.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "baseline/calibration.h"
#include "baseline/drift.h"
#include "baseline/explanation.h"
#include "baseline/gap_clock.h"
#include "baseline/negative_binomial.h"
#include "baseline/portable_math.h"
#include "baseline/small_floats.h"

namespace trailwarden::baseline {
namespace {

Eigen::Map<Column> view(float* data, std::size_t rows) { return {data, static_cast<Eigen::Index>(rows)}; }
Eigen::Map<const Column> view(const float* data, std::size_t rows) { return {data, static_cast<Eigen::Index>(rows)}; }

/// Steps without a score above the peak level that end an episode.
int calm_limit(std::size_t channel) {
  if (channel == kCusumUpChannel || channel == kCusumDownChannel) return 6;
  if (channel == kDayChannel) return static_cast<int>(kBlockRing);
  if (channel >= kDownChannels) return 30;
  return std::clamp(kWindows[channel], 10, 60);
}

double peak_level(std::size_t channel) {
  return channel == kCusumUpChannel || channel == kCusumDownChannel || channel == kGapChannel ? kClockPeakLevel : kWindowPeakLevel;
}

}  // namespace

PeakHistory peak_history(const RowBlock& block, std::size_t row, std::size_t channel) {
  return {from_binary16(block.peaks[channel][row]), from_binary16(block.peak_excess[channel][row]), static_cast<double>(block.weeks_watched[0][row])};
}

/// Columns of one block that live for one minute.
struct MinutePass::Scratch {
  using Floats = std::array<float, kBlockRows>;
  alignas(64) Floats count, level, variance, profile, mean, prior;
  alignas(64) std::array<Floats, kWindowCount> dispersion;          // phi_w
  alignas(64) std::array<Floats, kWindowCount> window_count, window_mean;  // X, M
  alignas(64) std::array<Floats, kWindowCount> window_dispersion, window_sd;  // phi, sd
  alignas(64) std::array<std::uint32_t, kBlockRows> sum;
  alignas(64) std::array<std::uint8_t, kBlockRows> above, below;  // windows past the screen, one bit each
  alignas(64) Floats gap_score;
  alignas(64) std::array<std::uint16_t, kBlockRows> exceeded;  // channels above their peak level now
  std::array<std::array<Evidence, kBlockRows>, 2> best;        // by direction; valid where `touched`
  alignas(64) std::array<std::uint8_t, kBlockRows> touched;
  std::vector<std::uint32_t> rows;  // that the state machine looks at
};

/// One minute of one block. A class of its own so that the steps share what they need without a dozen parameters.
struct MinutePass::Step {
  RowBlock& b;
  const MinuteInput& in;
  Scratch& s;
  std::vector<Transition>& transitions;
  const std::size_t n = b.rows();
  const bool is_calls = b.kind() == SeriesKind::kCalls;
  const std::int64_t t = in.minute;

  auto column(Scratch::Floats& floats) const { return view(floats.data(), n); }
  auto column(const Columns<float>& columns, std::size_t channel = 0) const { return view(columns[channel], n); }

  void run() {
    gather_counts();
    expect();
    push_rings();
    sum_windows();
    std::memset(s.exceeded.data(), 0, n * sizeof s.exceeded[0]);
    std::memset(s.touched.data(), 0, n);
    score_windows();
    learn_dispersion();
    if (t % 5 == 4) step_cusum();
    if (is_calls) step_gaps();
    if (is_calls && in.frozen) std::fill_n(b.block_count[block_slot()], n, kPartialBlock);
    if (is_calls && t % kBlockMinutes == kBlockMinutes - 1) step_days();
    end_episodes();
    move_machines();
    explain();
    keep_records();
    learn_levels();
    if (is_calls && t % 60 == 59) close_hour();
    if (t % 1440 == 1439) close_day();
  }

  bool is_under_test(std::size_t r) const { return (b.flags[0][r] & kJudged) != 0 && b.exposure_slow[0][r] > kColdMinutes; }

  void gather_counts() {
    column(s.count).setZero();
    for (const auto& [row, count] : in.counts) s.count[row] = static_cast<float>(count);
  }

  /// phi_w, lambda, v, s, mu.
  void expect() {
    const float cold = is_calls ? 1.0F + kColdInflation : 1.0F;
    for (std::size_t w = 0; w < kWindowCount; ++w) {
      gather_prior(w);
      auto phi = column(s.dispersion[w]);
      dispersion(column(b.squares, w), column(b.squares_exposure, w), column(s.prior), cold, phi);
    }
    auto lambda = column(s.level), v = column(s.variance);
    baseline::level(column(b.calls_fast), column(b.exposure_fast), column(b.calls_slow), column(b.exposure_slow), column(s.dispersion[3]), lambda, v);
    if (is_calls) gather_profile();
    else std::copy(in.profile.begin(), in.profile.end(), s.profile.begin());
    auto mean = column(s.mean);
    mean = lambda * column(s.profile);
    if (!is_calls) mean = mean.max(column(b.error_share).min(1.0F) * view(in.api_calls.data(), n));
    if (in.frozen) mean.setZero();  // not observed: nor may it be missing later, in a window that reaches back over it
  }

  void gather_prior(std::size_t w) {
    for (std::size_t r = 0; r < n; ++r) {
      const std::uint8_t pool = b.pool[0][r];
      s.prior[r] = pool == RowBlock::kNoPool ? kDispersionPrior[w] : (*in.pools)[pool][w];
    }
  }

  void gather_profile() {
    const ProfilePlace place = profile_place(t);
    const std::uint8_t* const now = b.profile[place.hour];
    const std::uint8_t* const next = b.profile[place.next_hour];
    for (std::size_t r = 0; r < n; ++r) s.profile[r] = place.weight * kProfileValue[now[r]] + place.next_weight * kProfileValue[next[r]];
  }

  void push_rings() {
    const auto slot = static_cast<std::size_t>(t % 16), quarter = static_cast<std::size_t>(t / 15 % 16);
    std::uint16_t* const minute_count = b.minute_count[slot];
    std::uint16_t* const minute_mean = b.minute_mean[slot];
    std::uint16_t* const quarter_count = b.quarter_count[quarter];
    std::memset(minute_count, 0, n * sizeof *minute_count);
    for (std::size_t r = 0; r < n; ++r) minute_mean[r] = to_bfloat16(s.mean[r]);
    if (t % 15 == 0) std::memset(quarter_count, 0, n * sizeof *quarter_count);
    for (const auto& [row, count] : in.counts) {
      minute_count[row] = static_cast<std::uint16_t>(count);
      quarter_count[row] = static_cast<std::uint16_t>(quarter_count[row] + count);
    }
  }

  void add(const std::uint16_t* counts, const std::uint16_t* means, Scratch::Floats& mean_sum) {
    std::uint32_t* const sum = s.sum.data();
    for (std::size_t r = 0; r < n; ++r) sum[r] += counts[r];
    for (std::size_t r = 0; r < n; ++r) mean_sum[r] += from_bfloat16(means[r]);
  }

  /// X and M of the windows: the short ones of minutes, the long ones of quarters of an hour.
  void sum_windows() {
    Scratch::Floats& mean = s.window_sd[0];  // free until `spread`
    std::size_t from = 0;
    for (std::size_t w = 0; w < kWindowCount; ++w) {
      const bool minutes = kWindows[w] <= 15;
      const std::int64_t newest = minutes ? t : t / 15;
      const auto length = static_cast<std::size_t>(minutes ? kWindows[w] : kWindows[w] / 15);
      if (w == 0 || w == 3) {
        from = 0;
        std::memset(s.sum.data(), 0, n * sizeof s.sum[0]);
        std::memset(mean.data(), 0, n * sizeof mean[0]);
      }
      for (; from < length; ++from) {
        const auto slot = static_cast<std::size_t>((newest - static_cast<std::int64_t>(from)) % 16);
        if (!minutes) {
          add(b.quarter_count[slot], b.quarter_mean[slot], mean);
          continue;
        }
        add(b.minute_count[slot], b.minute_mean[slot], mean);
        if (static_cast<std::int64_t>(from) == t % 15) keep_quarter_mean(mean);
      }
      for (std::size_t r = 0; r < n; ++r) s.window_count[w][r] = static_cast<float>(s.sum[r]);
      column(s.window_mean[w]) = column(mean) + 1e-9F;
    }
    for (const auto& [row, more] : in.wide)
      for (std::size_t w = 0; w < kWindowCount; ++w) s.window_count[w][row] += more[w];
    spread();
  }

  /// The sum of the quarter of an hour so far, rounded once: to add to a rounded sum every minute would lose what is small against it.
  void keep_quarter_mean(const Scratch::Floats& sum) {
    std::uint16_t* const quarter_mean = b.quarter_mean[static_cast<std::size_t>(t / 15 % 16)];
    for (std::size_t r = 0; r < n; ++r) quarter_mean[r] = to_bfloat16(sum[r]);
  }

  /// phi and sd of the windows, and which rows are past the screen.
  void spread() {
    std::memset(s.above.data(), 0, n);
    std::memset(s.below.data(), 0, n);
    for (std::size_t w = 0; w < kWindowCount; ++w) {
      auto phi = column(s.window_dispersion[w]);
      const auto mean = column(s.window_mean[w]);
      phi = total_dispersion(column(s.dispersion[w]), mean, column(s.variance));
      auto sd = column(s.window_sd[w]);
      sd = (phi * mean).sqrt();
      screen(w);
    }
  }

  void screen(std::size_t w) {
    const float* const count = s.window_count[w].data();
    const float* const mean = s.window_mean[w].data();
    const float* const sd = s.window_sd[w].data();
    for (std::size_t r = 0; r < n; ++r) {
      const bool up = (count[r] >= 2.0F) & (count[r] > mean[r] + kScreenUp * sd[r]);
      s.above[r] = static_cast<std::uint8_t>(s.above[r] | (static_cast<unsigned>(up) << w));
    }
    if (!is_calls) return;
    for (std::size_t r = 0; r < n; ++r) {
      const bool down = count[r] < mean[r] - kScreenDown * sd[r];
      s.below[r] = static_cast<std::uint8_t>(s.below[r] | (static_cast<unsigned>(down) << w));
    }
  }

  /// Calls `visit(row)` for every row whose byte is not 0, eight at a time.
  template <class Visit>
  void for_nonzero(const std::uint8_t* bytes, Visit visit) {
    for (std::size_t r = 0; r < n; r += 8) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, bytes + r, std::min<std::size_t>(8, n - r));
      while (eight != 0) {
        const auto at = static_cast<std::size_t>(std::countr_zero(eight)) / 8;
        visit(r + at);
        eight &= ~(std::uint64_t{0xff} << (at * 8));
      }
    }
  }

  void score_windows() {
    for_nonzero(s.above.data(), [this](std::size_t r) { score_row(r, s.above[r], Direction::kUp); });
    if (is_calls && !in.frozen) for_nonzero(s.below.data(), [this](std::size_t r) { score_row(r, s.below[r], Direction::kDown); });
  }

  void score_row(std::size_t r, unsigned windows, Direction direction) {
    if (!is_under_test(r)) return;
    for (; windows != 0; windows &= windows - 1) {
      const auto w = static_cast<std::size_t>(std::countr_zero(windows));
      if (!is_clear(b, r, w, t)) continue;
      const auto count = static_cast<double>(s.window_count[w][r]), mean = static_cast<double>(s.window_mean[w][r]);
      const auto phi = static_cast<double>(s.window_dispersion[w][r]);
      const std::size_t channel = w + (direction == Direction::kDown ? kDownChannels : 0);
      note_score(r, channel, direction, {.channel = static_cast<std::uint8_t>(channel), .score = surprise(count, mean, phi), .count = count, .mean = mean,
                                         .dispersion = phi});
    }
  }

  void note_score(std::size_t r, std::size_t channel, Direction direction, Evidence evidence) {
    const double level = peak_level(channel);
    if (evidence.score <= level) return;
    s.exceeded[r] = static_cast<std::uint16_t>(s.exceeded[r] | (1U << channel));
    b.episodes[0][r] = static_cast<std::uint16_t>(b.episodes[0][r] | (1U << channel));
    b.episode_peak[channel][r] = std::max(b.episode_peak[channel][r], to_binary16(std::min(evidence.score, 6e4)));
    evidence.tail = kChannelsPerDirection * false_alarms_per_week(evidence.score, level, peak_history(b, r, channel));
    if (is_explained(r)) in.explanation->channels[channel] = evidence;
    best_of(r, direction, evidence);
  }

  void best_of(std::size_t r, Direction direction, const Evidence& evidence) {
    if (s.touched[r] == 0) s.best[0][r] = s.best[1][r] = Evidence{};
    s.touched[r] = 1;
    Evidence& best = s.best[static_cast<std::size_t>(direction)][r];
    if (evidence.tail < best.tail) best = evidence;
  }

  /// g: how much of the minute a row learns, unless it adopts what is unusual.
  float gate_of(std::uint8_t flags) const { return in.frozen ? 0.0F : learning_gate(flags); }

  void learn_dispersion() {
    for (std::size_t w = 0; w < kWindowCount; ++w) {
      if ((t + 1) % kWindows[w] != 0) continue;
      const float* const count = s.window_count[w].data();
      const float* const mean = s.window_mean[w].data();
      const float* const sd = s.window_sd[w].data();
      const std::uint8_t* const flags = b.flags[0];
      float* const squares = b.squares[w];
      float* const exposure = b.squares_exposure[w];
      const auto youngest = static_cast<std::int32_t>(t + 1 - kWindows[w]);  // whose window is whole
      const std::int32_t* const born = b.born_at[0];
      for (std::size_t r = 0; r < n; ++r) {
        if (born[r] > youngest) continue;
        const Squares learned = Squares{squares[r], exposure[r]}.with(count[r], mean[r], sd[r], w, gate_of(flags[r]));
        squares[r] = learned.sum;
        exposure[r] = learned.exposure;
      }
    }
  }

  void step_cusum() {
    for (std::size_t r = 0; r < n; ++r) {
      if (t - b.born_at[0][r] < 4) continue;
      drift(r, Direction::kUp);
      if (is_calls && !in.frozen) drift(r, Direction::kDown);
    }
  }

  void drift(std::size_t r, Direction direction) {
    float& sum = b.cusum[static_cast<std::size_t>(direction)][r];
    sum = drift_step(sum, s.window_count[1][r], s.window_mean[1][r], s.dispersion[3][r], s.variance[r], direction);
    if (sum <= static_cast<float>(kClockPeakLevel) || !is_under_test(r)) return;
    const std::size_t channel = direction == Direction::kUp ? kCusumUpChannel : kCusumDownChannel;
    note_score(r, channel, direction,
               {.channel = static_cast<std::uint8_t>(channel), .score = static_cast<double>(sum), .count = static_cast<double>(s.window_count[4][r]),
                .mean = static_cast<double>(s.window_mean[4][r]), .dispersion = static_cast<double>(s.window_dispersion[4][r])});
  }

  void step_gaps() {
    column(s.gap_score).setZero();
    if (in.frozen) return end_gaps();
    column(b.gap_length, 0) += column(s.mean);
    column(b.gap_length, 1) += 1.0F;
    for (std::size_t r = 0; r < n; ++r) {
      const float slack = s.mean[r] * 0.05F;
      const float operational = std::max(b.gap_mean[0][r], 1e-6F) * 1.05F + slack, wall = std::max(b.gap_mean[1][r], 1e-6F) * 1.05F + 1.0F;
      const bool is_long = b.gap_length[0][r] > 1.3F * operational || b.gap_length[1][r] > 1.3F * wall;
      if (is_long && s.count[r] <= 0) score_gap(r, slack);
    }
    end_gaps();
  }

  void end_gaps() {
    for (const auto& [row, count] : in.counts) {
      if (count == 0) continue;
      end_gap(row, 0, s.mean[row] * 0.05F, 3.0F * s.mean[row] + 1e-12F);
      end_gap(row, 1, 1.0F, 2.0F);
    }
  }

  GapClock gap_clock(std::size_t r, std::size_t clock) const {
    return {b.gap_length[clock][r], b.gap_mean[clock][r], b.gap_squares[clock][r], b.gaps[clock][r]};
  }

  void score_gap(std::size_t r, float slack) {
    const double regular = in.scopes[b.scope[0][r]].regular_clock;
    const auto score_of = [regular](const GapClock& clock, float margin) { return clock.regularity() >= regular ? clock.score(margin) : 0; };
    const double score = std::max(score_of(gap_clock(r, 0), slack), score_of(gap_clock(r, 1), 1.0F));
    s.gap_score[r] = static_cast<float>(score);
    if (score > kClockPeakLevel && is_under_test(r)) note_score(r, kGapChannel, Direction::kDown, {.channel = kGapChannel, .score = score});
  }

  void end_gap(std::size_t r, std::size_t clock, float slack, float run) {
    if (clock == 1) b.longest_gap_now[0][r] = std::max(b.longest_gap_now[0][r], static_cast<std::uint16_t>(std::min(b.gap_length[1][r] - 1, 65535.0F)));
    GapClock gap = gap_clock(r, clock);
    gap.end(slack, run);
    b.gap_length[clock][r] = gap.length;
    b.gap_mean[clock][r] = gap.mean;
    b.gap_squares[clock][r] = gap.squares;
    b.gaps[clock][r] = gap.gaps;
  }

  std::size_t block_slot() const { return static_cast<std::size_t>(t / kBlockMinutes) % kBlockRing; }

  /// Two hours are over: whether the last 28 hold what every 28 hours held.
  void step_days() {
    const std::size_t now = block_slot();
    for (std::size_t r = 0; r < n; ++r) {
      std::uint16_t& block = b.block_count[now][r];
      const bool is_whole = block != kPartialBlock && b.born_at[0][r] <= t - kBlockMinutes + 1;
      std::uint32_t calls = 0;
      for (int quarter = 0; quarter < kBlockMinutes / 15; ++quarter) calls += b.quarter_count[static_cast<std::size_t>((t / 15 - quarter) % 16)][r];
      block = is_whole && calls < kPartialBlock ? static_cast<std::uint16_t>(calls) : kUnknownBlock;
    }
    for (const auto& wide : in.wide) b.block_count[now][wide.row] = kUnknownBlock;
    for (std::size_t r = 0; r < n; ++r) score_days(r);
  }

  void score_days(std::size_t r) {
    std::uint32_t calls = 0;
    for (std::size_t slot = 0; slot < kBlockRing; ++slot) {
      if (b.block_count[slot][r] >= kPartialBlock) return;
      calls += b.block_count[slot][r];
    }
    const double low = fewest_of_28_hours(b, r);
    const auto count = static_cast<double>(calls);
    const double fall = low >= kLeastLow && count <= kMostOfLow * low ? std::sqrt(low) - std::sqrt(count) : 0;
    const double score = 2 * fall * fall;  // of a Poisson count about so much
    const bool is_grown = t - b.born_at[0][r] >= kLowMinutes;
    // In its first two weeks everything is usual: two weekends are among it. Later on a batch that is missing does not become the measure of the next one.
    if (score <= kWindowPeakLevel || !is_grown) {
      b.low_now[0][r] = std::min(b.low_now[0][r], to_bfloat16_down(static_cast<float>(calls)));
      return;
    }
    if (b.episode_age[kDayChannel][r] >= kLowAdoptionSteps)
      for (Columns<std::uint16_t>* const lows : {&b.low, &b.low_of_epoch, &b.low_before, &b.low_now}) (*lows)[0][r] = to_bfloat16_down(static_cast<float>(calls));
    if (is_under_test(r) && in.scopes[b.scope[0][r]].calibrated)
      note_score(r, kDayChannel, Direction::kDown, {.channel = kDayChannel, .score = score, .count = count, .mean = low});
  }

  /// An episode of a channel ends after some steps without a score above its level, and adds its peak to the tail.
  void end_episodes() {
    const bool cusum_stepped = t % 5 == 4, days_stepped = t % kBlockMinutes == kBlockMinutes - 1;
    for (std::size_t r = 0; r < n; ++r) {
      for (unsigned open = b.episodes[0][r]; open != 0; open &= open - 1) {
        const auto channel = static_cast<std::size_t>(std::countr_zero(open));
        const bool cusum = channel == kCusumUpChannel || channel == kCusumDownChannel;
        if (channel == kDayChannel ? days_stepped : !cusum || cusum_stepped) age_episode(r, channel);
      }
    }
  }

  void age_episode(std::size_t r, std::size_t channel) {
    const bool above = (s.exceeded[r] >> channel & 1U) != 0;
    std::uint8_t& calm = b.episode_calm[channel][r];
    std::uint16_t& age = b.episode_age[channel][r];
    calm = above ? std::uint8_t{0} : static_cast<std::uint8_t>(calm + 1);
    ++age;
    const int limit = calm_limit(channel);
    if (calm <= limit && age <= 4 * limit + 60) return;
    const PeakHistory history = peak_history(b, r, channel);
    const double excess = std::min(from_binary16(b.episode_peak[channel][r]) - peak_level(channel), peak_cap(history));
    b.peaks[channel][r] = to_binary16(history.peaks + 1);
    b.peak_excess[channel][r] = to_binary16(std::min(history.excess + excess, 6e4));
    b.episode_peak[channel][r] = 0;
    calm = 0;
    age = 0;
    b.episodes[0][r] = static_cast<std::uint16_t>(b.episodes[0][r] & ~(1U << channel));
  }

  /// What the tails and the record come to together.
  void calibrate_row(std::uint32_t r) {
    const Scope& scope = in.scopes[b.scope[0][r]];
    for (const Direction direction : {Direction::kUp, Direction::kDown}) {
      Evidence& best = s.best[static_cast<std::size_t>(direction)][r];
      best.false_alarms = best.tail;
      if (!scope.calibrated || !std::isfinite(best.tail)) continue;
      best.record = direction == Direction::kUp ? record_evidence(r) : pause_evidence(r, best.channel);
      best.false_alarms = calibrate(best.tail, direction, best.record);
      if (direction == Direction::kUp) ask_callers(r, scope, best);
    }
  }

  /// Only where it can make a difference, for it takes a look at every call of a quarter of an hour.
  void ask_callers(std::uint32_t r, const Scope& scope, Evidence& best) const {
    const bool matters = (b.flags[0][r] & kStarted) != 0 || calibrate(best.tail, Direction::kUp, best.record, kCallerDecades) <= scope.alpha;
    if (in.callers == nullptr || !matters) return;
    best.caller = in.callers->evidence(in.first_row + r);
    best.false_alarms = calibrate(best.tail, Direction::kUp, best.record, best.caller);
  }

  double record_evidence(std::size_t r) const {
    RecordEvidence evidence;
    for (std::size_t w = 0; w < kWindowCount; ++w)
      if (is_clear(b, r, w, t)) evidence.add(static_cast<double>(s.window_count[w][r]), record_of(b, r, w, t, t));
    return evidence.value(static_cast<double>(t - b.born_at[0][r]));
  }

  /// A pause that is no longer than others were says little; 28 hours are judged by what they held.
  double pause_evidence(std::size_t r, std::size_t channel) const {
    const auto pause = static_cast<double>(b.gap_length[1][r]);
    return channel != kDayChannel && pause > 0 && pause <= kLongerGap * longest_gap(b, r) ? 0 : 1;
  }

  bool is_explained(std::size_t r) const { return in.explanation != nullptr && in.first_row + r == in.explained_row; }

  /// What the minute was to one row.
  void explain() const {
    if (in.explanation == nullptr || in.explained_row < in.first_row || in.explained_row - in.first_row >= n) return;
    const std::size_t r = in.explained_row - in.first_row;
    Explanation& why = *in.explanation;
    why.is_at_closing = true;
    why.is_under_test = is_under_test(r);
    why.level = static_cast<double>(s.level[r]);
    why.level_error = std::sqrt(static_cast<double>(s.variance[r]));
    why.profile = static_cast<double>(s.profile[r]);
    why.mean = static_cast<double>(s.mean[r]);
    if (!is_calls) why.error_share = std::min(static_cast<double>(b.error_share[0][r]), 1.0);
    for (std::size_t w = 0; w < kWindowCount; ++w) {
      const auto count = static_cast<double>(s.window_count[w][r]), mean = static_cast<double>(s.window_mean[w][r]), phi = static_cast<double>(s.window_dispersion[w][r]);
      const std::size_t channel = w + (count < mean ? kDownChannels : 0);
      Evidence evidence{.channel = static_cast<std::uint8_t>(channel), .count = count, .mean = mean, .dispersion = phi};
      if (is_off(evidence)) evidence.score = surprise(count, mean, phi);
      if (is_calls || count >= mean) evidence.tail = why.channels[channel].tail;
      why.windows[w] = {is_clear(b, r, w, t), evidence, record_of(b, r, w, t, t)};
    }
    why.drift = {static_cast<double>(b.cusum[0][r]), is_calls ? static_cast<double>(b.cusum[1][r]) : 0};
    if (is_calls) explain_quiet(r, why);
    if (s.touched[r] != 0) why.best = {s.best[0][r], s.best[1][r]};
    why.alpha = why.line = in.scopes[b.scope[0][r]].alpha;
  }

  void explain_quiet(std::size_t r, Explanation& why) const {
    why.gap_score = static_cast<double>(s.gap_score[r]);
    why.gap_minutes = static_cast<double>(b.gap_length[1][r]);
    why.longest_gap = longest_gap(b, r);
    why.fewest_of_28_hours = fewest_of_28_hours(b, r);
  }

  /// X of a window rises with a call only.
  void keep_records() {
    for (const auto& [row, count] : in.counts)
      for (std::size_t w = 0; w < kWindowCount; ++w) b.record_now[w][row] = std::max(b.record_now[w][row], to_bfloat16_up(s.window_count[w][row]));
    if (t % kRecordDelay != kRecordDelay - 1) return;
    for (std::size_t w = 0; w < kWindowCount; ++w) {
      std::uint16_t* const record = b.record_of_epoch[w];
      std::uint16_t* const before = b.record_before[w];
      std::uint16_t* const now = b.record_now[w];
      for (std::size_t r = 0; r < n; ++r) {
        record[r] = std::max(record[r], before[r]);  // of what is not negative, the larger one has the larger bits
        before[r] = now[r];
        now[r] = 0;
      }
    }
  }

  /// Rows that are on, or unusual.
  void move_machines() {
    s.rows.clear();
    const std::uint8_t* const flags = b.flags[0];
    for (std::size_t r = 0; r < n; ++r)
      if (((flags[r] & kOn) | s.touched[r]) != 0) s.rows.push_back(static_cast<std::uint32_t>(r));
    for (const std::uint32_t r : s.rows) {
      if (s.touched[r] != 0) calibrate_row(r);
      move(r);
    }
  }

  void move(std::uint32_t r) {
    const Scope& scope = in.scopes[b.scope[0][r]];
    const double up = s.touched[r] != 0 ? s.best[0][r].tail : std::numeric_limits<double>::infinity();
    const double down = s.touched[r] != 0 ? s.best[1][r].tail : std::numeric_limits<double>::infinity();
    std::uint8_t& flags = b.flags[0][r];
    const bool was_on = (flags & kOn) != 0;
    const bool hot = std::min(up, down) <= (scope.calibrated ? kGateLevel : std::max(kGateLevel, scope.alpha));
    const bool begins = !was_on && (hot || is_alarm(r, scope, Direction::kUp) || is_alarm(r, scope, Direction::kDown));
    if (begins) {
      const bool downwards = hot ? down < up : !is_alarm(r, scope, Direction::kUp);
      flags = static_cast<std::uint8_t>((flags & ~(kDownwards | kStarted | kAdopted)) | kOn | (downwards ? kDownwards : 0));
      b.on_minutes[0][r] = 0;
    }
    if ((flags & kOn) == 0) return;
    if (hot) flags |= kGated;
    const Direction direction = (flags & kDownwards) != 0 ? Direction::kDown : Direction::kUp;
    std::uint8_t& calm = b.calm_minutes[0][r];
    calm = begins || is_live(r, direction) ? std::uint8_t{0} : static_cast<std::uint8_t>(calm + 1);
    const bool gone = was_on && calm >= kHoldMinutes;

    const auto side = static_cast<std::size_t>(direction);
    const bool alarm = !gone && (flags & kStarted) == 0 && b.on_minutes[0][r] < kAdoptionMinutes && t >= b.free_from[side][r] &&
                       is_alarm(r, scope, direction);
    if (alarm) {
      flags |= kStarted;
      transitions.push_back({.what = Transition::What::kStart, .row = in.first_row + r, .direction = direction, .evidence = s.best[side][r]});
    } else if ((flags & kStarted) != 0 && s.touched[r] != 0 && std::isfinite(s.best[side][r].false_alarms)) {
      transitions.push_back({.what = Transition::What::kStill, .row = in.first_row + r, .direction = direction, .evidence = s.best[side][r]});
    }
    const bool adopts = !gone && b.on_minutes[0][r] >= kAdoptionMinutes;
    if ((flags & kStarted) != 0 && (flags & kAdopted) == 0 && (gone || adopts)) {
      transitions.push_back({.what = Transition::What::kEnd, .row = in.first_row + r, .direction = direction, .adopted = !gone});
      b.free_from[side][r] = static_cast<std::int32_t>(t) + kRefractoryMinutes;
      if (!gone) flags |= kAdopted;
    }
    if (gone) return switch_off(r);
    b.on_minutes[0][r] = static_cast<std::uint16_t>(std::min(b.on_minutes[0][r] + 1, 65535));
  }

  bool is_alarm(std::size_t r, const Scope& scope, Direction direction) const {
    if (s.touched[r] == 0 || b.exposure_slow[0][r] <= scope.warm_up) return false;
    const Evidence& evidence = s.best[static_cast<std::size_t>(direction)][r];
    const bool is_wanted = direction == Direction::kUp ? scope.up && evidence.count >= scope.minimum_count : scope.down && in.is_alive;
    return is_wanted && evidence.false_alarms <= scope.alpha;
  }

  void switch_off(std::uint32_t r) {
    b.flags[0][r] = static_cast<std::uint8_t>(b.flags[0][r] & ~(kOn | kGated));
    b.ended_at[0][r] = static_cast<std::int32_t>(t);
    b.on_minutes[0][r] = 0;
    b.cusum[0][r] = 0;
    if (is_calls) b.cusum[1][r] = 0;
  }

  /// Whether the shortest window that can tell is still away from its mean.
  bool is_live(std::size_t r, Direction direction) const {
    if (direction == Direction::kUp) {
      const std::size_t w = s.window_mean[1][r] >= 3.0F ? 1 : 2;
      return s.window_count[w][r] > s.window_mean[w][r] + 1.5F * s.window_sd[w][r];
    }
    const std::size_t w = s.window_mean[2][r] >= 6.0F ? 2 : 3;
    const bool lacks_a_day = (b.episodes[0][r] >> kDayChannel & 1U) != 0 && b.episode_calm[kDayChannel][r] == 0;
    return s.window_count[w][r] < s.window_mean[w][r] - 1.5F * s.window_sd[w][r] || s.gap_score[r] > static_cast<float>(kClockPeakLevel) || lacks_a_day;
  }

  bool is_adopting(std::size_t r) const { return (b.flags[0][r] & kOn) != 0 && b.on_minutes[0][r] > kAdoptionMinutes; }

  void learn_levels() {
    static const float kFastLoss = loss(1, kFastHalfLifeDays), kSlowLoss = loss(1, kSlowHalfLifeDays);
    adopt();
    Scratch::Floats& gate = s.window_dispersion[0];
    const std::uint8_t* const flags = b.flags[0];
    for (std::size_t r = 0; r < n; ++r) gate[r] = gate_of(flags[r]);
    for (const std::uint32_t r : s.rows)
      if (is_adopting(r) && !in.frozen) gate[r] = 1.0F;
    const auto g = column(gate);
    const auto profile = column(s.profile);
    Column learned = g * column(s.count).min(column(s.window_mean[0]) + 12.0F * column(s.window_sd[0]) + 10.0F);
    column(b.calls_fast) = column(b.calls_fast) - column(b.calls_fast) * kFastLoss + learned;
    column(b.exposure_fast) = column(b.exposure_fast) - column(b.exposure_fast) * kFastLoss + g * profile;
    column(b.calls_slow) = column(b.calls_slow) - column(b.calls_slow) * kSlowLoss + learned;
    column(b.exposure_slow) = column(b.exposure_slow) - column(b.exposure_slow) * kSlowLoss + g * profile;
    if (!in.frozen) column(b.weeks_watched) += 1.0F / 10080.0F;
    if (!is_calls) return;
    column(b.hour_calls) += learned;
    column(b.hour_expected) += g * column(s.level);
  }

  /// What lasted a day becomes the new normal, at a half-life of 5.8 hours.
  void adopt() {
    for (const std::uint32_t r : s.rows) {
      if (!is_adopting(r)) continue;
      for (Columns<float>* const column : {&b.calls_fast, &b.exposure_fast, &b.calls_slow, &b.exposure_slow}) (*column)[0][r] *= kAdoptionDecay;
      b.cusum[0][r] = std::min(b.cusum[0][r], 0.0F);
      if (is_calls) b.cusum[1][r] = std::min(b.cusum[1][r], 0.0F);
    }
  }

  /// The profile takes the hour in.
  void close_hour() {
    const HourOfWeek hour = hour_of_week(t);
    const std::size_t type = hour.weekend ? 1 : 0, type_hour = hour.day_type_hour();
    for (std::size_t r = 0; r < n; ++r) {
      const ProfileHour state{b.profile[hour.hour][r], b.day_type_profile[type_hour][r], static_cast<double>(b.day_exposure[hour.day][r]),
                              static_cast<double>(b.day_type_exposure[type][r]), static_cast<double>(b.hour_calls[0][r]),
                              static_cast<double>(b.hour_expected[0][r])};
      const ProfileUpdate update = close_profile_hour(state, static_cast<double>(s.dispersion[3][r]), hour.weekend, b.key[0][r], t / 60);
      b.profile[hour.hour][r] = update.code;
      b.day_type_profile[type_hour][r] = update.day_type_code;
      // A day of the week that was never completed borrows its day type.
      for (std::size_t day = hour.weekend ? 5 : 0; day < (hour.weekend ? 7U : 5U); ++day)
        if (day != hour.day && b.day_exposure[day][r] <= 0) b.profile[day * 24 + hour.hour_of_day][r] = update.day_type_code;
    }
    column(b.day_expected) += column(b.hour_expected);
    column(b.hour_calls).setZero();
    column(b.hour_expected).setZero();
    if (hour.hour_of_day == 23) expose_day(hour);
  }

  void expose_day(const HourOfWeek& hour) {
    static const float kWeek = static_cast<float>(portable_pow(0.5, 7 / kProfileHalfLifeDays));
    static const float kWeekday = static_cast<float>(portable_pow(0.5, 1.4 / kProfileHalfLifeDays));
    static const float kWeekendDay = static_cast<float>(portable_pow(0.5, 3.5 / kProfileHalfLifeDays));
    auto day = column(b.day_exposure, hour.day), day_type = column(b.day_type_exposure, hour.weekend ? 1 : 0);
    day = day * kWeek + column(b.day_expected);
    day_type = day_type * (hour.weekend ? kWeekendDay : kWeekday) + column(b.day_expected) / 24.0F;
    column(b.day_expected).setZero();
  }

  /// Past peaks and the weeks watched fade.
  void close_day() {
    static const double kDecay = portable_pow(0.5, 1 / kTailHalfLifeDays);
    for (std::size_t channel = 0; channel < b.channels(); ++channel) {
      for (std::size_t r = 0; r < n; ++r) {
        if (b.peaks[channel][r] == 0) continue;
        b.peaks[channel][r] = to_binary16(from_binary16(b.peaks[channel][r]) * kDecay);
        b.peak_excess[channel][r] = to_binary16(from_binary16(b.peak_excess[channel][r]) * kDecay);
      }
    }
    column(b.weeks_watched) *= static_cast<float>(kDecay);
    if (is_calls) keep_days();
    if (t / 1440 % kRecordEpochDays != kRecordEpochDays - 1) return;
    for (std::size_t w = 0; w < kWindowCount; ++w) {
      std::copy_n(b.record_of_epoch[w], n, b.record[w]);
      std::fill_n(b.record_of_epoch[w], n, std::uint16_t{0});
    }
  }

  /// What the day held takes its place among what days hold, a day later.
  void keep_days() {
    const bool epoch_ends = t / 1440 % kRecordEpochDays == kRecordEpochDays - 1;
    const auto keep = [&](Columns<std::uint16_t>& kept, Columns<std::uint16_t>& of_epoch, Columns<std::uint16_t>& before, Columns<std::uint16_t>& now, auto better, std::uint16_t fresh) {
      for (std::size_t r = 0; r < n; ++r) {
        of_epoch[0][r] = better(of_epoch[0][r], before[0][r]);
        before[0][r] = now[0][r];
        now[0][r] = fresh;
        if (!epoch_ends) continue;
        kept[0][r] = of_epoch[0][r];
        of_epoch[0][r] = fresh;
      }
    };
    const auto fewer = [](std::uint16_t one, std::uint16_t other) { return std::min(one, other); };
    const auto longer = [](std::uint16_t one, std::uint16_t other) { return std::max(one, other); };
    keep(b.low, b.low_of_epoch, b.low_before, b.low_now, fewer, kNoLow);
    keep(b.longest_gap, b.longest_gap_of_epoch, b.longest_gap_before, b.longest_gap_now, longer, 0);
  }
};

MinutePass::MinutePass() : scratch_(std::make_unique<Scratch>()) {}
MinutePass::~MinutePass() = default;

void MinutePass::run(RowBlock& block, const MinuteInput& input, std::vector<Transition>& transitions) {
  Step{block, input, *scratch_, transitions}.run();
}

MinutePass::RowMinute MinutePass::last(std::size_t row) const {
  const Scratch& s = *scratch_;
  constexpr double kNone = std::numeric_limits<double>::infinity();
  RowMinute out{s.level[row], s.variance[row], s.profile[row], s.mean[row], {kNone, kNone}};
  if (s.touched[row] != 0) out.false_alarms = {s.best[0][row].tail, s.best[1][row].tail};
  return out;
}

float learning_gate(std::uint8_t flags) { return (flags & kGated) != 0 ? kGatedLearning : 1.0F; }

Squares Squares::with(float count, float mean, float sd, std::size_t window, float gate) const {
  static const std::array<float, kWindowCount> kLoss = [] {
    std::array<float, kWindowCount> losses{};
    for (std::size_t w = 0; w < kWindowCount; ++w) losses[w] = loss(kWindows[w], kDispersionHalfLifeDays);
    return losses;
  }();
  const float bound = 8.0F * sd + 4.0F, off = count - mean;
  return {sum - sum * kLoss[window] + gate * std::min(off * off, bound * bound), exposure - exposure * kLoss[window] + gate * mean};
}

Squares squares_of(const RowBlock& block, std::size_t row, std::size_t window) { return {block.squares[window][row], block.squares_exposure[window][row]}; }

float window_dispersion(const RowBlock& block, std::size_t row, std::size_t window, Squares squares, const PooledDispersion& pools) {
  const std::uint8_t pool = block.pool[0][row];
  const float cold = block.kind() == SeriesKind::kCalls ? 1.0F + kColdInflation : 1.0F;
  OneRow phi;
  dispersion(OneRow(squares.sum), OneRow(squares.exposure),
             OneRow(pool == RowBlock::kNoPool ? kDispersionPrior[window] : pools[pool][window]), cold, phi);
  return phi[0];
}

Level level_of(const RowBlock& block, std::size_t row, const PooledDispersion& pools) {
  OneRow lambda, variance;
  level(OneRow(block.calls_fast[0][row]), OneRow(block.exposure_fast[0][row]), OneRow(block.calls_slow[0][row]), OneRow(block.exposure_slow[0][row]),
        OneRow(window_dispersion(block, row, 3, pools)), lambda, variance);
  return {lambda[0], variance[0]};
}

}  // namespace trailwarden::baseline
