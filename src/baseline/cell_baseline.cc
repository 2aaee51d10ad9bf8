#include "baseline/cell_baseline.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>

#include "baseline/calibration.h"
#include "baseline/model.h"
#include "baseline/negative_binomial.h"
#include "baseline/portable_math.h"
#include "baseline/small_floats.h"
#include "core/check.h"

namespace trailwarden::baseline {
namespace {

constexpr double kInsightShare = 0.95;  // of the budget; the rest is for silences of a whole account
constexpr std::size_t kMostWords = 60'000;  // event sources and error codes of a cell
constexpr std::string_view kOverflowName = "(other APIs)";
constexpr std::uint32_t kNever32 = UINT32_MAX;

/// How many calls more a window needs at least before its tail can fall to `needed`: a lower bound, 0 if it has; then `evidence` is complete.
///
/// Up to the screen a call counts one. Beyond it the surprise rises by at most -ln(q min(1, (x+r)/(x+1))) a call, q = f/(1+f), r = M/f: the tail P(X >= x)
/// never falls faster from one x to the next than the probabilities from there on do.
std::uint32_t calls_to_tail(Evidence& evidence, double minimum_count, const PeakHistory& history, double needed) {
  constexpr double kErrorOfSurprise = 0.02;  // [nat]
  const double line = std::max({evidence.mean + static_cast<double>(kScreenUp) * std::sqrt(evidence.dispersion * evidence.mean), minimum_count - 0.5, 1.5});
  if (evidence.count <= line) return static_cast<std::uint32_t>(std::min(std::floor(line) - evidence.count + 1, 4e9));
  evidence.score = surprise(evidence.count, evidence.mean, evidence.dispersion);
  double score = kWindowPeakLevel;
  if (evidence.score > score) {
    evidence.tail = kChannelsPerDirection * false_alarms_per_week(evidence.score, kWindowPeakLevel, history);
    if (evidence.tail <= needed) return 0;
    score = score_for(needed / kChannelsPerDirection, kWindowPeakLevel, history);
  }
  const double f = std::max(evidence.dispersion - 1, 1e-6), r = evidence.mean / f;
  const double steepest = portable_log((1 + f) / f * std::max(1.0, (evidence.count + 1) / (evidence.count + r)));
  const double calls = (score - evidence.score - kErrorOfSurprise) / steepest;
  return static_cast<std::uint32_t>(std::clamp(calls, 1.0, 4e9));
}

}  // namespace

CellBaseline::CellBaseline(const BaselineSettings& settings, std::string_view account, std::string_view region)
    : settings_(&settings), cell_hash_(splitmix64(xxh3_64(account)) ^ xxh3_64(region)), callers_(settings.open_minutes) {
  set_scopes();
}

std::uint64_t CellBaseline::hash(SeriesKind kind, const Call& call) const {
  std::uint64_t key = splitmix64(cell_hash_ ^ xxh3_64(call.event_source)) ^ xxh3_64(call.event_name);
  if (kind == SeriesKind::kErrors) key = splitmix64(key) ^ xxh3_64(call.error_code);
  return splitmix64(key ^ (call.is_data ? 1U : 0U));
}

std::uint64_t CellBaseline::key_of(SeriesKind kind, std::uint32_t row) const {
  const auto [block, r] = table(kind).rows.at(row);
  return block.key[0][r];
}

/// Whether a row whose key fits is really the one of `call`.
bool CellBaseline::is(SeriesKind kind, std::uint32_t row, const Call& call) const {
  const SeriesId series{kind, row};
  const SeriesName name = name_of(series);
  return name.event_name == call.event_name && name.event_source == call.event_source && (kind == SeriesKind::kCalls || name.error_code == call.error_code) &&
         is_data(series) == call.is_data;
}

std::optional<std::uint32_t> CellBaseline::find(SeriesKind kind, std::uint64_t key, const Call& call) const {
  const std::uint32_t row = table(kind).by_key.find(key, [&](std::uint32_t candidate) { return key_of(kind, candidate) == key && is(kind, candidate, call); });
  return row == RowIndex::kNone ? std::nullopt : std::optional(row);
}

std::uint16_t CellBaseline::word(std::string_view text) {
  const auto [known, is_new] = word_numbers_.try_emplace(std::string(text), static_cast<std::uint16_t>(words_.size()));
  if (is_new) words_.emplace_back(text);
  return known->second;
}

std::uint32_t& CellBaseline::slot_of(SeriesId series) {
  const auto [block, r] = table(series.kind).rows.at(series.row);
  return block.open_slot[0][r];
}

std::uint32_t CellBaseline::slot_of(SeriesId series) const {
  const auto [block, r] = table(series.kind).rows.at(series.row);
  return block.open_slot[0][r];
}

SeriesId CellBaseline::series_of(SeriesKind kind, const Call& call) {
  // Records come in runs of one API.
  std::uint32_t& last = table(kind).last_row;
  if (last < table(kind).rows.rows() && is(kind, last, call)) return {kind, last};
  const std::uint64_t key = hash(kind, call);
  if (const auto row = find(kind, key, call)) return {kind, last = *row};
  if (has_room(kind, call)) return {kind, add(kind, key, call)};
  // A flood of names must not take the memory of all: they are counted, and judged, together.
  ++overflowed_;
  Call other = call;
  other.event_source = other.event_name = other.error_code = kOverflowName;
  const std::uint64_t other_key = hash(kind, other);
  const auto row = find(kind, other_key, other);
  return {kind, row ? *row : add(kind, other_key, other)};
}

/// Whether a series may get a row of its own; an error code only where its API has one.
bool CellBaseline::has_room(SeriesKind kind, const Call& call) const {
  if (table(kind).rows.rows() >= settings_->max_rows || words_.size() >= kMostWords || names_.size() + call.event_name.size() > kMostNameBytes) return false;
  return kind == SeriesKind::kCalls || find(SeriesKind::kCalls, hash(SeriesKind::kCalls, call), call).has_value();
}

std::uint32_t CellBaseline::add(SeriesKind kind, std::uint64_t key, const Call& call) {
  Table& t = table(kind);
  const std::uint32_t row = t.rows.add(key, scope_of(call));
  const auto [block, r] = t.rows.at(row);
  if (kind == SeriesKind::kCalls) {
    block.word[0][r] = word(call.event_source);
    block.name[0][r] = add_name(call.event_name) | (call.is_data ? kDataName : 0U);
  } else {
    block.word[0][r] = word(call.error_code);
    block.call_row[0][r] = series_of(SeriesKind::kCalls, call).row;
    // Judged from its first failure on; when the minute of that closes, it begins in earnest.
    begin_row({kind, row}, true);
  }
  t.by_key.insert(row, [&](std::uint32_t any) { return key_of(kind, any); });
  return row;
}

std::uint8_t CellBaseline::scope_of(const Call& call) const {
  return settings_->scope_of ? settings_->scope_of(call.event_source, call.event_name) : std::uint8_t{0};
}

/// Whether its scope wants the series judged.
bool CellBaseline::is_wanted(SeriesId series) const {
  const auto [block, r] = table(series.kind).rows.at(series.row);
  const ScopeSettings& scope = settings_->scopes[block.scope[0][r]];
  return series.kind == SeriesKind::kErrors ? scope.errors : scope.calls;
}

/// Its scope under the settings, and whether that wants it judged.
void CellBaseline::set_scope_of_row(SeriesId series, const Call& call) {
  const auto [block, r] = table(series.kind).rows.at(series.row);
  block.scope[0][r] = scope_of(call);
  std::uint8_t& flags = block.flags[0][r];
  const bool is_judged = (flags & kOfInterest) != 0 && is_wanted(series);
  flags = static_cast<std::uint8_t>(is_judged ? flags | kJudged : flags & ~kJudged);
}

void CellBaseline::follow(const BaselineSettings& settings) {
  TRAILWARDEN_CHECK(settings.open_minutes == settings_->open_minutes, "minutes stay open for as long as before");
  settings_ = &settings;
  for (const Table& t : tables_) {
    for (std::uint32_t row = 0; row < t.rows.rows(); ++row) {
      const SeriesId series{t.rows.kind(), row};
      const SeriesName name = name_of(series);
      set_scope_of_row(series, {name.event_source, name.event_name, name.error_code, false, is_data(series)});
    }
  }
  set_scopes();
  for (const std::uint32_t slot : used_slots_) open_[slot].slack_minute = INT64_MIN;  // it was counted against another threshold
}

std::uint32_t CellBaseline::add_name(std::string_view name) {
  const auto at = static_cast<std::uint32_t>(names_.size()), length = static_cast<std::uint32_t>(name.size());
  names_.append(reinterpret_cast<const char*>(&length), sizeof length).append(name);
  return at;
}

std::string_view CellBaseline::name_at(std::uint32_t at) const {
  std::uint32_t length = 0;
  std::memcpy(&length, names_.data() + at, sizeof length);
  return {names_.data() + at + sizeof length, length};
}

SeriesName CellBaseline::name_of(SeriesId series) const {
  const auto [block, r] = table(series.kind).rows.at(series.row);
  if (series.kind == SeriesKind::kCalls) return {words_[block.word[0][r]], name_at(block.name[0][r] & ~kDataName), {}};
  SeriesName name = name_of({SeriesKind::kCalls, block.call_row[0][r]});
  name.error_code = words_[block.word[0][r]];
  return name;
}

std::strong_ordering CellBaseline::compare(SeriesId a, SeriesId b) const {
  if (const auto by_key = key_of(a) <=> key_of(b); by_key != 0) return by_key;
  const auto rank = [this](SeriesId series) {
    const SeriesName name = name_of(series);
    return std::tuple(series.kind, name.event_source, name.event_name, name.error_code, is_data(series));
  };
  return rank(a) <=> rank(b);
}

bool CellBaseline::is_data(SeriesId series) const {
  const auto [block, r] = table(series.kind).rows.at(series.row);
  if (series.kind == SeriesKind::kErrors) return is_data({SeriesKind::kCalls, block.call_row[0][r]});
  return (block.name[0][r] & kDataName) != 0;
}

CellBaseline::OpenSeries& CellBaseline::open(SeriesId series) {
  std::uint32_t& slot = slot_of(series);
  if (slot != kNoSlot) return open_[slot];
  if (free_slots_.empty()) {
    slot = static_cast<std::uint32_t>(open_.size());
    open_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  used_slots_.push_back(slot);
  OpenSeries& fresh = open_[slot];
  fresh.series = series;
  fresh.counts.assign(settings_->open_minutes, 0);
  fresh.total = 0;
  fresh.newest = INT64_MIN;
  fresh.slack_minute = INT64_MIN;
  fresh.is_judged = false;
  fresh.decided.reset();
  fresh.told = 0;
  return fresh;
}

void CellBaseline::wake(std::int64_t minute, std::int64_t open_from) {
  if (next_ != kNever && next_ >= open_from) return;
  if (next_ != kNever) {
    for (Table& t : tables_) t.rows.wake(minute);
    callers_.wake();
  }
  next_ = next_ == kNever ? open_from : minute;
  set_places();
}

void CellBaseline::set_places() {
  places_.resize(settings_->open_minutes);
  for (std::int64_t m = next_; m < next_ + static_cast<std::int64_t>(settings_->open_minutes); ++m)
    places_[static_cast<std::size_t>(m) % settings_->open_minutes] = profile_place(m);
}

CellBaseline::Counted CellBaseline::count(const Call& call, std::int64_t minute, std::vector<Verdict>& verdicts) {
  newest_ = std::max(newest_, minute);
  Counted counted{series_of(SeriesKind::kCalls, call), std::nullopt};
  callers_.count(call.caller, counted.calls.row, !call.error_code.empty(), minute);
  count_one(counted.calls, call, minute, verdicts);
  if (!call.error_code.empty()) {
    counted.errors = series_of(SeriesKind::kErrors, call);
    count_one(*counted.errors, call, minute, verdicts);
  }
  return counted;
}

std::optional<CellBaseline::Counted> CellBaseline::count_late(const Call& call, std::int64_t minute) {
  const auto calls = find(SeriesKind::kCalls, hash(SeriesKind::kCalls, call), call);
  if (!calls) return std::nullopt;
  Counted counted{{SeriesKind::kCalls, *calls}, std::nullopt};
  table(SeriesKind::kCalls).rows.add_to_day(*calls, minute / 1440, 1);
  if (call.error_code.empty()) return counted;
  if (const auto errors = find(SeriesKind::kErrors, hash(SeriesKind::kErrors, call), call)) {
    counted.errors = SeriesId{SeriesKind::kErrors, *errors};
    table(SeriesKind::kErrors).rows.add_to_day(*errors, minute / 1440, 1);
  }
  return counted;
}

void CellBaseline::count_one(SeriesId series, const Call& call, std::int64_t minute, std::vector<Verdict>& verdicts) {
  OpenSeries& o = open(series);
  ++o.counts[static_cast<std::size_t>(minute) % settings_->open_minutes];
  ++o.total;
  o.newest = std::max(o.newest, minute);
  o.is_judged = o.is_judged || call.is_judged || series.kind == SeriesKind::kErrors;
  if (minute == o.slack_minute && (o.slack == kNever32 || --o.slack > 0)) return;
  judge(o, minute, verdicts);
}

float CellBaseline::expected(const OpenSeries& o, std::int64_t minute, float level) const {
  const SeriesTable& calls = table(SeriesKind::kCalls).rows;
  const std::size_t slot_of_minute = static_cast<std::size_t>(minute) % settings_->open_minutes;
  const ProfilePlace& place = places_[slot_of_minute];
  if (o.series.kind == SeriesKind::kCalls) return level * calls.profile_of(o.series.row, place);
  const auto [block, r] = table(SeriesKind::kErrors).rows.at(o.series.row);
  const std::uint32_t api = block.call_row[0][r], slot = slot_of({SeriesKind::kCalls, api});
  const std::uint32_t api_calls = slot == kNoSlot ? 0 : open_[slot].counts[slot_of_minute];
  return std::max(level * calls.profile_of(api, place), std::min(block.error_share[0][r], 1.0F) * static_cast<float>(api_calls));
}

/// X and M of the windows that end at one open minute: what is open from its counts and the level, what is closed from the rings.
CellBaseline::Sums CellBaseline::sums(const OpenSeries& o, std::int64_t end, float level) const {
  const SeriesTable& rows = table(o.series.kind).rows;
  const auto [block, r] = rows.at(o.series.row);
  Sums out;
  std::uint64_t count = 0;
  float mean = 1e-9F;
  std::int64_t minute = end;
  const std::int64_t last = end / 15;
  std::size_t window = 0, long_window = 3;  // the next of each that is not complete
  const auto take = [&](std::size_t& which) {
    out.count[which] = count;
    out.mean[which] = mean;
    ++which;
  };
  for (; minute >= next_; --minute) {
    if (!is_frozen(minute)) {
      count += o.counts[static_cast<std::size_t>(minute) % settings_->open_minutes];
      mean += expected(o, minute, level);
    }
    if (window < 3 && end - minute + 1 == kWindows[window]) take(window);
    // The long windows begin with a quarter of an hour.
    if (long_window < kWindowCount && minute == (last - kWindows[long_window] / 15 + 1) * 15) take(long_window);
  }
  const std::uint64_t open_count = count;
  const float open_mean = mean;
  for (; window < 3; --minute) {
    count += rows.minute_count(o.series.row, minute);
    mean += from_bfloat16(block.minute_mean[static_cast<std::size_t>(minute % 16)][r]);
    if (end - minute + 1 == kWindows[window]) take(window);
  }
  // All that is open lies in the windows that are left.
  count = open_count;
  mean = open_mean;
  std::int64_t quarter = (next_ - 1) / 15;
  while (long_window < kWindowCount) {
    count += rows.quarter_count(o.series.row, quarter);
    mean += from_bfloat16(block.quarter_mean[static_cast<std::size_t>(quarter % 16)][r]);
    if (last - quarter + 1 == kWindows[long_window] / 15) take(long_window);
    --quarter;
  }
  return out;
}

/// phi_w as it will be when minute `end` closes, if no more calls come: whole windows that close before then, and what is unusual in them, are learned by then.
float CellBaseline::dispersion_at_closing(const OpenSeries& o, std::size_t window, std::int64_t end, const Level& level) const {
  const SeriesTable& rows = table(o.series.kind).rows;
  const auto [block, r] = rows.at(o.series.row);
  const std::int64_t length = kWindows[window];
  Squares squares = squares_of(block, r, window);
  for (std::int64_t last = (next_ / length + 1) * length - 1; last < end; last += length) {
    if (block.born_at[0][r] > last + 1 - length) continue;
    const Sums sum = sums(o, last, level.calls_per_minute);
    const float mean = sum.mean[window];
    const float phi = total_dispersion(window_dispersion(block, r, window, squares, rows.pools()), mean, level.variance);
    squares = squares.with(static_cast<float>(sum.count[window]), mean, std::sqrt(phi * mean), window, is_frozen(last) ? 0.0F : learning_gate(block.flags[0][r]));
  }
  return window_dispersion(block, r, window, squares, rows.pools());
}

/// As things stand, which takes little; what is an alarm then is looked at again as it will be at closing.
CellBaseline::Look CellBaseline::look(const OpenSeries& o, std::int64_t end, const Level& level, double alpha) const {
  const Look now = glance(o, end, level, alpha, false);
  return now.evidence.false_alarms <= alpha ? glance(o, end, level, alpha, true) : now;
}

CellBaseline::Look CellBaseline::glance(const OpenSeries& o, std::int64_t end, const Level& level, double alpha, bool at_closing, Explanation* why) const {
  const SeriesTable& rows = table(o.series.kind).rows;
  const auto [block, r] = rows.at(o.series.row);
  std::array<float, kWindowCount> learned{};
  for (std::size_t w = 0; w < kWindowCount; ++w)
    if (is_clear(block, r, w, end)) learned[w] = at_closing ? dispersion_at_closing(o, w, end, level) : window_dispersion(block, r, w, rows.pools());
  return weigh(o.series, end, sums(o, end, level.calls_per_minute), learned, level, alpha, why);
}

/// Windows with these sums and learned dispersions; one without a mean is not known.
CellBaseline::Look CellBaseline::weigh(SeriesId series, std::int64_t end, const Sums& sum, const std::array<float, kWindowCount>& learned, const Level& level, double alpha,
                                       Explanation* why) const {
  const auto [block, r] = table(series.kind).rows.at(series.row);
  const Scope& scope = scope_at(block.scope[0][r], end);
  const auto age = static_cast<double>(end - block.born_at[0][r]);
  RecordEvidence record;
  for (std::size_t w = 0; w < kWindowCount; ++w)
    if (is_clear(block, r, w, end)) record.add(static_cast<double>(sum.count[w]), record_of(block, r, w, next_, end));
  // The record speaks louder with every call, too: from what it could say at most on, each call is looked at.
  const double needed = scope.calibrated ? tail_for(alpha, Direction::kUp, kRecordCeiling) : alpha;
  Look out;
  for (std::size_t w = 0; w < kWindowCount; ++w) {
    if (sum.mean[w] <= 0 || !is_clear(block, r, w, end)) continue;
    const float phi = total_dispersion(learned[w], sum.mean[w], level.variance);
    Evidence evidence{.channel = static_cast<std::uint8_t>(w), .count = static_cast<double>(sum.count[w]), .mean = static_cast<double>(sum.mean[w]),
                      .dispersion = static_cast<double>(phi)};
    const std::uint32_t slack = calls_to_tail(evidence, scope.minimum_count, peak_history(block, r, w), needed);
    out.slack = std::min(out.slack, std::max(slack, 1U));
    if (slack == 0 && evidence.tail < out.evidence.tail) out.evidence = evidence;
    if (why != nullptr) why->windows[w] = {true, evidence, record_of(block, r, w, next_, end)};
  }
  Evidence& best = out.evidence;
  best.false_alarms = best.tail;
  if (scope.calibrated && std::isfinite(best.tail)) {
    best.record = record.value(age);
    best.false_alarms = calibrate(best.tail, Direction::kUp, best.record);
    // Until the minute closes, nobody knows on how many APIs one who is at work on some will be.
    const std::uint32_t api = series.kind == SeriesKind::kCalls ? series.row : block.call_row[0][r];
    if (best.false_alarms <= alpha && !callers_.is_on_one(api, series.kind == SeriesKind::kErrors, end)) {
      best.caller = -kCallerDecades;
      best.false_alarms = calibrate(best.tail, Direction::kUp, best.record, best.caller);
    }
  }
  return out;
}

/// Upwards, on the call that was just counted: a Start as soon as it is clear that its minute's closing will come to it; of what goes on, when it has become twice as unusual.
void CellBaseline::judge(OpenSeries& o, std::int64_t minute, std::vector<Verdict>& verdicts) {
  o.slack_minute = minute;
  o.slack = kNever32;
  if (!o.is_judged) return;
  const Table& t = table(o.series.kind);
  const auto [block, r] = t.rows.at(o.series.row);
  const std::uint8_t number = block.scope[0][r];
  const Scope& scope = scopes_[number];
  const std::uint8_t flags = block.flags[0][r];
  const bool on = (flags & kOn) != 0;
  if (!scope.up || block.exposure_slow[0][r] <= scope.warm_up || (flags & kJudged) == 0 || (on && (flags & (kDownwards | kAdopted)) != 0)) return;

  const bool goes_on = o.decided || (on && (flags & kStarted) != 0);
  if (!goes_on) o.told = 0;
  const Level level = level_of(block, r, t.rows.pools());
  for (std::int64_t end = std::max<std::int64_t>(minute, block.free_from[0][r]); end <= o.newest; ++end) {
    const double line = scope_at(number, end).alpha, alpha = !goes_on ? line / kEarlyMargin : (o.told > 0 ? o.told : line) / 2;
    const Look look = this->look(o, end, level, alpha);
    o.slack = std::min(o.slack, look.slack);
    if (look.evidence.false_alarms > alpha) continue;
    if (!goes_on) o.decided = end;
    o.told = look.evidence.false_alarms;
    o.slack = 1;
    verdicts.push_back({.series = o.series, .what = goes_on ? Transition::What::kStill : Transition::What::kStart, .direction = Direction::kUp, .early = true,
                        .minute = end, .evidence = look.evidence, .alpha = line});
    return;
  }
}

void CellBaseline::begin_rows(SeriesKind kind) {
  Table& t = table(kind);
  for (const std::uint32_t slot : used_slots_) {
    const OpenSeries& o = open_[slot];
    if (o.series.kind != kind || o.counts[static_cast<std::size_t>(next_) % settings_->open_minutes] == 0) continue;
    const auto [block, r] = t.rows.at(o.series.row);
    if ((block.flags[0][r] & kBorn) != 0) continue;
    begin_row(o.series, o.is_judged);
    block.flags[0][r] |= kBorn;
  }
}

void CellBaseline::begin_row(SeriesId series, bool is_judged) {
  SeriesTable& rows = table(series.kind).rows;
  const auto [block, r] = rows.at(series.row);
  rows.begin(series.row, next_, static_cast<std::uint8_t>((is_judged ? kOfInterest : 0) | (is_judged && is_wanted(series) ? kJudged : 0)));
  if (series.kind == SeriesKind::kCalls) return;
  // What the API was watched for counts for its errors: a first error burst on an old API can be judged.
  const auto [api, a] = table(SeriesKind::kCalls).rows.at(block.call_row[0][r]);
  block.exposure_fast[0][r] = api.exposure_fast[0][a];
  block.exposure_slow[0][r] = api.exposure_slow[0][a];
  block.weeks_watched[0][r] = api.weeks_watched[0][a];
  block.born_at[0][r] = api.born_at[0][a];
}

void CellBaseline::gather(SeriesKind kind) {
  counts_.clear();
  for (const std::uint32_t slot : used_slots_) {
    OpenSeries& o = open_[slot];
    if (o.series.kind != kind) continue;
    std::uint32_t& count = o.counts[static_cast<std::size_t>(next_) % settings_->open_minutes];
    if (count > 0) counts_.push_back({o.series.row, count});
  }
  std::sort(counts_.begin(), counts_.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
}

/// Of the calls of a row's API, or of its failures.
class CellBaseline::Witness : public CallerWitness {
 public:
  Witness(const Callers& callers, const SeriesTable& rows, std::int64_t minute) : callers_(callers), rows_(rows), minute_(minute) {}
  double evidence(std::uint32_t row) const override {
    if (rows_.kind() == SeriesKind::kCalls) return callers_.evidence(row, false, minute_);
    const auto [block, r] = rows_.at(row);
    return callers_.evidence(block.call_row[0][r], true, minute_);
  }

 private:
  const Callers& callers_;
  const SeriesTable& rows_;
  std::int64_t minute_;
};

void CellBaseline::close_one(MinutePass& pass, std::vector<Verdict>& verdicts) {
  begin_rows(SeriesKind::kCalls);
  begin_rows(SeriesKind::kErrors);

  SeriesTable& calls = table(SeriesKind::kCalls).rows;
  SeriesTable& errors = table(SeriesKind::kErrors).rows;
  const ProfilePlace place = profile_place(next_);
  profile_.resize(errors.rows());
  api_calls_.resize(errors.rows());
  for (std::uint32_t row = 0; row < errors.rows(); ++row) {
    const auto [block, r] = errors.at(row);
    const std::uint32_t api = block.call_row[0][r], slot = slot_of({SeriesKind::kCalls, api});
    profile_[row] = calls.profile_of(api, place);
    api_calls_[row] = slot == kNoSlot ? 0.0F : static_cast<float>(open_[slot].counts[static_cast<std::size_t>(next_) % settings_->open_minutes]);
  }
  std::array<std::vector<Transition>, 2> transitions;
  for (const SeriesKind kind : {SeriesKind::kCalls, SeriesKind::kErrors}) {
    gather(kind);
    const bool is_errors = kind == SeriesKind::kErrors;
    const Witness witness(callers_, table(kind).rows, next_);
    table(kind).rows.close({.minute = next_, .counts = counts_, .profile = is_errors ? std::span<const float>(profile_) : std::span<const float>{},
                            .api_calls = is_errors ? std::span<const float>(api_calls_) : std::span<const float>{}, .is_alive = newest_ >= next_, .frozen = is_frozen(next_), .scopes = scopes_,
                            .callers = &witness,
                            .explanation = explained_.kind == kind ? explanation_ : nullptr, .explained_row = explained_.row},
                           pass, transitions[static_cast<std::size_t>(kind)]);
  }
  if (next_ % 60 == 59) errors.refresh_error_shares(calls);
  if (next_ % 1440 == 1439) {
    calls.pool_dispersions();
    errors.pool_dispersions();
  }
  callers_.close(next_);
  ++next_;
  places_[static_cast<std::size_t>(next_ - 1) % settings_->open_minutes] = profile_place(next_ - 1 + static_cast<std::int64_t>(settings_->open_minutes));
  release();
  for (const SeriesKind kind : {SeriesKind::kCalls, SeriesKind::kErrors}) settle(kind, transitions[static_cast<std::size_t>(kind)], verdicts);
  if (next_ % 60 != 0) return;
  const Knob of_hour = knob();
  expected_false_ += (of_hour.allowed[0] + of_hour.allowed[1]) / 168;
  judged_hours_ += of_hour.directions[0] + of_hour.directions[1] > 0 ? 1 : 0;
  cost_ = next_cost_;
  next_cost_ = cost_of_tests();
  set_scopes();
}

/// The counts of the minute just closed are in the rings now; series without open counts give their place back.
void CellBaseline::release() {
  const std::int64_t closed = next_ - 1;
  for (const std::uint32_t slot : used_slots_) {
    OpenSeries& o = open_[slot];
    std::uint32_t& count = o.counts[static_cast<std::size_t>(closed) % settings_->open_minutes];
    o.total -= count;
    count = 0;
    o.slack_minute = INT64_MIN;  // levels have moved
  }
}

/// Turns what the state machines did into verdicts; a Start that was said early is not said again.
void CellBaseline::settle(SeriesKind kind, const std::vector<Transition>& transitions, std::vector<Verdict>& verdicts) {
  const std::int64_t minute = next_ - 1;
  for (const Transition& transition : transitions) {
    const SeriesId series{kind, transition.row};
    const auto [block, r] = table(kind).rows.at(series.row);
    const std::uint32_t slot = slot_of(series);
    const bool is_start = transition.what == Transition::What::kStart, said = is_start && slot != kNoSlot && open_[slot].decided.has_value();
    const bool confirms = said && transition.direction == Direction::kUp;
    if (said) open_[slot].decided.reset();
    if (said && !confirms) verdicts.push_back({.series = series, .what = Transition::What::kEnd, .direction = Direction::kUp, .minute = minute});
    verdicts.push_back({.series = series, .what = confirms ? Transition::What::kConfirmed : transition.what, .direction = transition.direction, .adopted = transition.adopted,
                        .minute = minute, .evidence = transition.evidence, .alpha = scopes_[block.scope[0][r]].alpha});
  }
  std::erase_if(used_slots_, [&](std::uint32_t slot) {
    OpenSeries& o = open_[slot];
    if (o.series.kind != kind) return false;
    if (o.decided && *o.decided + kHoldMinutes <= minute) {
      // Said early, and the closing of minutes does not come to it: what was opened is closed again.
      o.decided.reset();
      verdicts.push_back({.series = o.series, .what = Transition::What::kEnd, .direction = Direction::kUp, .minute = minute});
    }
    if (o.total > 0 || o.decided) return false;
    slot_of(o.series) = kNoSlot;
    free_slots_.push_back(slot);
    return true;
  });
}

/// Whether something goes on in it that a later minute will want.
bool CellBaseline::is_busy(SeriesId series) const {
  const auto [block, r] = table(series.kind).rows.at(series.row);
  return (block.flags[0][r] & kOn) != 0 || slot_of(series) != kNoSlot;
}

DroppedRows CellBaseline::crowded_out(const std::function<bool(SeriesId)>& is_held) const {
  DroppedRows dropped(rows(SeriesKind::kCalls), rows(SeriesKind::kErrors));
  // Of as many of the least called as are too many, those that need not stay: what is called more does not go in their stead.
  const auto drop = [&](SeriesKind kind, const std::vector<bool>& stays) {
    std::vector<SeriesId> candidates;
    for (std::uint32_t row = 0; row < rows(kind); ++row)
      if (!dropped.contains({kind, row})) candidates.push_back({kind, row});
    if (candidates.size() <= most_kept()) return;
    const auto rank = [&](SeriesId series) {
      const auto [block, r] = table(kind).rows.at(series.row);
      return std::pair(block.calls_slow[0][r], -block.born_at[0][r]);
    };
    std::sort(candidates.begin(), candidates.end(), [&](SeriesId a, SeriesId b) { return rank(a) != rank(b) ? rank(a) < rank(b) : compare(a, b) < 0; });
    candidates.resize(candidates.size() - most_kept());
    for (const SeriesId series : candidates)
      if (!stays[series.row]) dropped.add(series);
  };

  const auto api_of = [&](std::uint32_t error) {
    const auto [block, r] = table(SeriesKind::kErrors).rows.at(error);
    return block.call_row[0][r];
  };
  std::array<std::vector<bool>, 2> stays;
  for (const SeriesKind kind : {SeriesKind::kCalls, SeriesKind::kErrors})
    for (std::uint32_t row = 0; row < rows(kind); ++row) stays[static_cast<std::size_t>(kind)].push_back(is_busy({kind, row}) || is_held({kind, row}));
  auto& [api_stays, error_stays] = stays;
  for (std::uint32_t row = 0; row < error_stays.size(); ++row)
    if (error_stays[row]) api_stays[api_of(row)] = true;
  drop(SeriesKind::kCalls, api_stays);
  for (std::uint32_t row = 0; row < error_stays.size(); ++row)
    if (dropped.contains({SeriesKind::kCalls, api_of(row)})) dropped.add({SeriesKind::kErrors, row});
  drop(SeriesKind::kErrors, error_stays);
  return dropped;
}

void CellBaseline::go_on_from(const CellBaseline& before, std::size_t dropped) {
  frozen_from_ = before.frozen_from_;
  frozen_until_ = before.frozen_until_;
  expected_false_ = before.expected_false_;
  judged_hours_ = before.judged_hours_;
  evicted_ = before.evicted_ + dropped;
}

std::uint64_t CellBaseline::cost_of_tests() const {
  std::uint64_t cost = 0;
  for (const Table& t : tables_) {
    for (std::uint32_t row = 0; row < t.rows.rows(); ++row) {
      const auto [block, r] = t.rows.at(row);
      if ((block.flags[0][r] & kJudged) != 0 && block.exposure_slow[0][r] > kColdMinutes) cost += kUpwardCost + (t.rows.kind() == SeriesKind::kCalls ? kDownwardCost : 0);
    }
  }
  return std::max<std::uint64_t>(cost, kUpwardCost);
}

/// Directions that can alarm, up and down, by scope.
CellBaseline::Alarming CellBaseline::alarming() const {
  Alarming out{};
  for (const Table& t : tables_) {
    for (std::uint32_t row = 0; row < t.rows.rows(); ++row) {
      const auto [block, r] = t.rows.at(row);
      const std::uint8_t number = block.scope[0][r];
      const Scope& scope = scopes_[number];
      if ((block.flags[0][r] & kJudged) == 0 || block.exposure_slow[0][r] <= scope.warm_up) continue;
      out[number][0] += scope.up ? 1 : 0;
      out[number][1] += scope.down && t.rows.kind() == SeriesKind::kCalls ? 1 : 0;
    }
  }
  return out;
}

CellBaseline::Knob CellBaseline::knob() const {
  Knob knob{.of_account = settings_->false_insights_per_week, .of_region = settings_->false_insights_per_week * settings_->share, .expected_false = expected_false_, .judged_hours = judged_hours_};
  knob.silences = knob.of_region * (1 - kInsightShare);
  const auto by_scope = alarming();
  for (std::size_t i = 0; i < scopes_.size(); ++i) {
    const auto [up, down] = by_scope[i];
    if (up + down == 0) continue;
    const double alpha = scopes_[i].alpha;
    knob.directions[0] += up;
    knob.directions[1] += down;
    // At the same threshold downwards as many false ones come as a direction of its cost has a part in the budget.
    knob.allowed[0] += alpha * static_cast<double>(up);
    knob.allowed[1] += alpha * static_cast<double>(down) * kDownwardCost / kUpwardCost;
    knob.least_alpha = knob.least_alpha == 0 ? alpha : std::min(knob.least_alpha, alpha);
    knob.most_alpha = std::max(knob.most_alpha, alpha);
  }
  return knob;
}

void CellBaseline::set_scopes() {
  set_scopes(scopes_, cost_);
  set_scopes(next_scopes_, next_cost_);
}

/// In place: it happens every hour.
void CellBaseline::set_scopes(std::vector<Scope>& scopes, std::uint64_t cost) const {
  const double alpha = settings_->false_insights_per_week * settings_->share * kInsightShare * kUpwardCost / static_cast<double>(cost);
  scopes.clear();
  for (const ScopeSettings& scope : settings_->scopes)
    scopes.push_back({alpha * scope.budget, scope.minimum_count, std::max(static_cast<float>(settings_->warm_up_minutes), kColdMinutes), scope.up, scope.down, kRegularClock, settings_->calibrated});
}

/// As it holds at an open minute. What is open beyond the next hour, with a lateness as long as that, is held against the threshold of the next.
const Scope& CellBaseline::scope_at(std::uint8_t number, std::int64_t minute) const {
  return minute / 60 == next_ / 60 ? scopes_[number] : next_scopes_[number];
}

std::vector<Span> CellBaseline::spans(SeriesId series, std::int64_t from, std::int64_t to) const {
  const SeriesTable& rows = table(series.kind).rows;
  const auto [block, r] = rows.at(series.row);
  const std::uint32_t slot = slot_of(series);
  const float level = level_of(block, r, rows.pools()).calls_per_minute;
  std::vector<Span> out;
  const std::int64_t first_single = std::max(from, std::min(to - 14, next_ - 1));
  for (std::int64_t m = to; m >= first_single; --m) {
    if (m < next_) {
      out.push_back({m, 1, static_cast<double>(rows.minute_count(series.row, m)), static_cast<double>(from_bfloat16(block.minute_mean[static_cast<std::size_t>(m % 16)][r]))});
    } else {
      const double count = slot == kNoSlot ? 0 : open_[slot].counts[static_cast<std::size_t>(m) % settings_->open_minutes];
      out.push_back({m, 1, count, slot == kNoSlot ? 0 : static_cast<double>(expected(open_[slot], m, level))});
    }
  }
  // Quarters of an hour before: of the first one, what is not among the minutes.
  for (std::int64_t end = first_single; end > from; end = (end - 1) / 15 * 15) {
    const std::int64_t quarter = (end - 1) / 15, begin = std::max(quarter * 15, from);
    Span span{begin, static_cast<int>(end - begin), static_cast<double>(rows.quarter_count(series.row, quarter)),
              static_cast<double>(from_bfloat16(block.quarter_mean[static_cast<std::size_t>(quarter % 16)][r]))};
    for (const Span& single : out) {
      if (single.minutes != 1 || single.minute / 15 != quarter || single.minute >= next_) continue;
      span.count -= single.count;
      span.mean -= single.mean;
    }
    span.mean = std::max(span.mean, 0.0);
    out.push_back(span);
  }
  return out;
}

std::uint64_t CellBaseline::baseline_count(SeriesId series, std::int64_t start) const {
  const SeriesTable& rows = table(series.kind).rows;
  const std::int64_t day = start / 1440;
  std::uint64_t total = 0;
  for (std::int64_t d = day - 7; d < day; ++d) total += rows.day_count(series.row, d);
  // Of the day itself what came before the start: what is closed, without what is closed since then, and with what is open.
  double today = static_cast<double>(rows.day_count(series.row, day) + rows.day_count(series.row, day + 1));
  if (start < next_) {
    for (const Span& span : spans(series, start, next_ - 1)) today -= span.count;
  } else {
    const std::uint32_t slot = slot_of(series);
    for (std::int64_t m = std::max(next_, day * 1440); slot != kNoSlot && m < start; ++m)
      today += open_[slot].counts[static_cast<std::size_t>(m) % settings_->open_minutes];
  }
  return total + static_cast<std::uint64_t>(std::max(today, 0.0));
}

std::size_t CellBaseline::memory_bytes() const {
  std::size_t total = sizeof *this + callers_.memory_bytes() + names_.capacity() + open_.capacity() * sizeof(OpenSeries);
  for (const OpenSeries& o : open_) total += o.counts.capacity() * sizeof(std::uint32_t);
  for (const Table& t : tables_)
    total += t.rows.memory_bytes() + t.by_key.memory_bytes();
  for (const std::string& text : words_) total += 2 * text.capacity() + 96;
  return total;
}

}  // namespace trailwarden::baseline
