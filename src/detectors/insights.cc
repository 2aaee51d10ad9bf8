#include "detectors/insights.h"

#include <algorithm>

#include <fmt/format.h>

#include "baseline/constants.h"
#include "baseline/portable_math.h"
#include "core/hash.h"
#include "core/text.h"
#include "detectors/insights_state.h"
#include "detectors/phrases.h"

namespace trailwarden::detectors {
namespace {

using baseline::Direction;
using baseline::SeriesId;
using baseline::SeriesKind;
using baseline::Transition;
using baseline::Verdict;
using event::CloudTrailEvent;

constexpr std::size_t kShown = 5;                // values of an attribution
constexpr std::int64_t kFirstMinute = 365 * 1440, kLastMinute = 2'100'000'000;  // 1971 to 5962
constexpr std::size_t kTextsBeforeSweep = 4096;
constexpr double kSketchHalfLifeDays = 3.5;
constexpr std::array<std::string_view, 3> kAttributes{"userIdentityArn", "userAgent", "errorCode"};

Timestamp time_of(std::int64_t minute) { return Timestamp{std::chrono::minutes{minute}}; }

/// The caller without its session: sessions come and go, roles stay.
std::string_view caller_of(const CloudTrailEvent& event, std::string& buffer) {
  const event::UserIdentity& identity = event.user_identity;
  if (identity.arn.empty()) return !identity.invoked_by.empty() ? identity.invoked_by : !identity.principal_id.empty() ? identity.principal_id : identity.type_text;
  if (identity.arn.find(":assumed-role/") == std::string_view::npos) return identity.arn;
  const std::size_t role = identity.arn.find('/'), session = identity.arn.find('/', role + 1);
  buffer.assign(identity.arn.substr(0, session));
  return buffer;
}

/// First minute of the window that decided. Drift, and 28 hours, are told by the longest window whose minutes are known; a gap has no window of its own.
std::int64_t window_start(std::uint8_t channel, std::int64_t minute) {
  const std::size_t w = channel >= baseline::kGapChannel ? 4 : std::min<std::size_t>(channel % baseline::kDownChannels, 4);
  const std::int64_t length = baseline::kWindows[w];
  return length <= 15 ? minute - length + 1 : (minute / 15 - (length / 15 - 1)) * 15;
}

bool matches(const std::string& glob, std::string_view text) { return glob.empty() || glob_match(glob, text); }

/// Of its account's budget.
double share_of(const InsightsConfig& config, std::string_view account, std::string_view region) {
  for (const RegionShare& share : config.region_shares)
    if (matches(share.account, account) && matches(share.region, region)) return share.share;
  return 1 / config.active_regions;
}

/// The scopes that concern a cell, with what holds for all in every one of them. Number 0 is for the rest.
baseline::BaselineSettings settings_of_cell(const InsightsSettings& settings, std::string_view account, std::string_view region) {
  const InsightsConfig& config = settings.config;
  baseline::BaselineSettings out{.false_insights_per_week = config.false_insights_per_week,
                                 .share = share_of(config, account, region),
                                 .warm_up_minutes = static_cast<double>(std::chrono::duration_cast<std::chrono::minutes>(config.warm_up).count()),
                                 .open_minutes = settings.open_minutes,
                                 .max_rows = config.max_series};
  std::vector<const InsightScope*> scopes;
  for (const InsightScope& scope : config.scopes) {
    if (!matches(scope.account, account) || !matches(scope.region, region)) continue;
    scopes.push_back(&scope);
    out.scopes.push_back(scope.settings);
  }
  for (baseline::ScopeSettings& scope : out.scopes) {
    scope.calls = scope.calls && config.call_rate;
    scope.errors = scope.errors && config.error_rate;
  }
  out.scope_of = [scopes](std::string_view source, std::string_view name) {
    const auto found = std::find_if(scopes.begin(), scopes.end(), [&](const InsightScope* scope) {
      return matches(scope->event_source, source) && matches(scope->event_name, name);
    });
    return found == scopes.end() ? std::uint8_t{0} : static_cast<std::uint8_t>(found - scopes.begin() + 1);
  };
  return out;
}

std::string rate_in_words(const event::CallRate& rate) {
  const double average = static_cast<double>(rate.calls) / static_cast<double>(rate.minutes);
  if (rate.calls == 0) return "none";
  if (average >= 1) return fmt::format("{:.3g} a minute", average);
  if (average * 60 >= 1) return fmt::format("{:.2g} an hour", average * 60);
  if (average * 1440 >= 1) return fmt::format("{:.2g} a day", average * 1440);
  return fmt::format("{:.2g} a week", average * 10080);
}

}  // namespace

event::DecidedBy kind_of(std::size_t channel) {
  using enum event::DecidedBy;
  static constexpr std::array<event::DecidedBy, baseline::kCallChannels> kKinds{k1Minute, k5Minutes, k15Minutes, k60Minutes, k240Minutes, kDrift,
                                                                               k1Minute, k5Minutes, k15Minutes, k60Minutes, k240Minutes, kDrift, kGap, k28Hours};
  return kKinds[channel];
}

std::string model_of_insights() { return baseline::constants_hash(); }

Insights::Insights(const InsightsSettings& settings, std::string_view account, std::string_view region)
    : settings_(settings), account_(account), region_(region), baseline_settings_(std::make_unique<baseline::BaselineSettings>(settings_of_cell(settings, account, region))),
      baseline_(*baseline_settings_, account, region), texts_(std::make_unique<Texts>()),
      pending_(settings.open_minutes + static_cast<std::size_t>(kKeptClosedMinutes)) {}

Insights::~Insights() = default;

void Insights::follow_settings() {
  auto next = std::make_unique<const baseline::BaselineSettings>(settings_of_cell(settings_, account_, region_));
  baseline_.follow(*next);
  baseline_settings_ = std::move(next);
}

std::vector<Insights::Pending>& Insights::pending_of(std::int64_t minute) { return pending_[static_cast<std::size_t>(minute) % pending_.size()]; }
const std::vector<Insights::Pending>& Insights::pending_of(std::int64_t minute) const { return pending_[static_cast<std::size_t>(minute) % pending_.size()]; }

Insights::Sketches Insights::fresh_sketches() {
  const Sketch empty(kCounters);
  return {empty, empty, empty};
}

Insights::Values Insights::values_of(const CloudTrailEvent& event) {
  return {texts_->number_of(0, caller_of(event, caller_)), texts_->number_of(1, event.user_agent),
          texts_->number_of(2, event.error_code.empty() ? "null" : event.error_code)};
}

std::uint64_t Insights::order_of(const Values& values) const {
  return splitmix64(splitmix64(texts_->hash(values[0])) ^ texts_->hash(values[1])) ^ texts_->hash(values[2]);
}

void Insights::observe(const CloudTrailEvent& event, std::int64_t minute, std::int64_t open_from, const Emit& emit) {
  // Minutes are counted from 1970 in 31 bits; a clock that is off by centuries has no baseline.
  if (open_from < kFirstMinute || minute < kFirstMinute || minute > kLastMinute) return;
  const bool is_data = event.category == event::EventCategory::kData;
  if (!is_data && event.category != event::EventCategory::kManagement) return;
  const bool is_judged = is_data || !event.is_read_only();
  const baseline::CellBaseline::Call call{event.event_source, event.event_name, event.error_code, is_judged, is_data, xxh3_64(caller_of(event, caller_))};
  if (minute >= open_from) baseline_.wake(minute, open_from);
  if (minute < open_from || minute < baseline_.first_open()) {
    const auto counted = baseline_.count_late(call, minute);
    for (auto& [series, incident] : incidents_)
      if (counted && (series == counted->calls || series == counted->errors)) incident.extent.add_late(minute);
    return;
  }
  const auto counted = baseline_.count(call, minute, verdicts_);
  if (is_judged || counted.errors) {
    const Values values = values_of(event);
    if (is_judged) remember(counted.calls, event, values, minute);
    if (counted.errors) remember(*counted.errors, event, values, minute);
  }
  if (!verdicts_.empty()) handle(event.event_time, emit);
}

void Insights::remember(SeriesId series, const CloudTrailEvent& event, const Values& values, std::int64_t minute) {
  pending_of(minute).push_back({series, values, order_of(values)});
  Recent& recent = recent_of(packed(series));
  recent.newest = std::max(recent.newest, minute);
  recent.add(event.event_id);
  if (incidents_.empty()) return;
  const auto incident = incidents_.find(series);
  if (incident == incidents_.end() || minute < incident->second.onset.minute) return;
  for (std::size_t i = 0; i < kDimensions; ++i) incident->second.sketches[i].add(values[i]);
}

Insights::Recent& Insights::recent_of(std::uint64_t series) {
  const std::uint32_t known = recent_index_.find(splitmix64(series), [&](std::uint32_t i) { return recent_[i].series == series; });
  if (known != baseline::RowIndex::kNone) return recent_[known];
  recent_.push_back({});
  recent_.back().series = series;
  recent_index_.insert(static_cast<std::uint32_t>(recent_.size() - 1), [this](std::uint32_t i) { return splitmix64(recent_[i].series); });
  return recent_.back();
}

void Insights::handle(Timestamp decided_at, const Emit& emit) {
  for (const Verdict& verdict : verdicts_) {
    if (verdict.what == Transition::What::kStart) start(verdict, decided_at, emit);
    else if (verdict.what == Transition::What::kEnd) end(verdict, decided_at, emit);
    else if (verdict.what == Transition::What::kConfirmed) confirm(verdict);
    else tell(verdict, decided_at);
  }
  verdicts_.clear();
}

void Insights::tell(const Verdict& verdict, Timestamp decided_at) const {
  if (!watch_) return;
  const baseline::SeriesName name = baseline_.name_of(verdict.series);
  watch_({name.event_source, name.event_name, name.error_code, verdict.direction, verdict.evidence.false_alarms, verdict.alpha, decided_at, verdict.early});
}

/// What a Start says: from when on, how many calls, whose.
Insights::Incident Insights::incident_of(const Verdict& verdict) const {
  Incident incident{verdict.series, verdict.direction, verdict.minute, {}, 0, {}, 0, fresh_sketches()};
  const auto spans = baseline_.spans(verdict.series, window_start(verdict.evidence.channel, verdict.minute), verdict.minute);
  incident.onset = baseline::find_onset(spans, verdict.direction);
  incident.rate = incident.onset.rate(verdict.minute);
  incident.baseline_calls = baseline_.baseline_count(verdict.series, incident.onset.minute);
  measure(incident, incident.onset.minute);
  const std::int64_t oldest = std::max(incident.onset.minute, baseline_.first_open() - kKeptClosedMinutes);
  for (std::int64_t minute = oldest; minute <= baseline_.newest(); ++minute)
    for (const Pending& pending : pending_of(minute))
      if (pending.series == verdict.series)
        for (std::size_t i = 0; i < kDimensions; ++i) incident.sketches[i].add(pending.values[i]);
  return incident;
}

void Insights::start(const Verdict& verdict, Timestamp decided_at, const Emit& emit) {
  Incident incident = incident_of(verdict);
  event::Insight insight = insight_of(incident, verdict, decided_at);
  insight.history = history(verdict);
  incidents_.insert_or_assign(verdict.series, std::move(incident));
  emit(std::move(insight));
}

/// How far an incident reaches, by what has closed so far.
void Insights::measure(Incident& incident, std::int64_t from) const {
  incident.extent = baseline::Extent(from, incident.rate, incident.direction);
  if (from >= baseline_.first_open()) return;
  auto closed = baseline_.spans(incident.series, from, baseline_.first_open() - 1);
  std::reverse(closed.begin(), closed.end());
  for (const baseline::Span& span : closed) incident.extent.add(span);
}

/// The closing of minutes comes to what was said early, and all that arrived for them counts: its End does not depend on the order of arrival.
void Insights::confirm(const Verdict& verdict) {
  const auto found = incidents_.find(verdict.series);
  if (found == incidents_.end()) return;
  const auto spans = baseline_.spans(verdict.series, window_start(verdict.evidence.channel, verdict.minute), verdict.minute);
  const baseline::Onset onset = baseline::find_onset(spans, verdict.direction);
  found->second.rate = onset.rate(verdict.minute);
  measure(found->second, onset.minute);
}

Result<Insights::Why> Insights::explain(SeriesId series, std::int64_t minute, baseline::MinutePass& pass) const {
  Why why{.series = series, .is_open = minute >= baseline_.first_open(), .now = baseline_.explain(series, minute), .standing = baseline_.standing(series)};
  why.is_incident = incidents_.contains(series);
  why.calls_to_alarm = baseline_.calls_to_alarm(series, minute);
  if (why.is_open) {
    ByteWriter saved;
    save(saved);
    ByteReader bytes(saved.bytes());
    Insights copy(settings_, account_, region_);
    if (auto loaded = copy.load(bytes); !loaded) return fail(std::move(loaded).error().during("copy of the cell"));
    const auto same = copy.baseline_.series_named(baseline_.name_of(series), baseline_.is_data(series));
    if (!same) return fail(ErrorCode::kMalformed, "the copy of the cell lacks the series");
    why.closing = copy.baseline_.close_and_explain(*same, minute, pass, copy.verdicts_);
    why.is_start = std::any_of(copy.verdicts_.begin(), copy.verdicts_.end(), [&](const Verdict& verdict) { return verdict.series == *same && verdict.what == Transition::What::kStart; });
  }
  const baseline::Explanation& decides = why.closing ? *why.closing : why.now;
  const bool downwards = decides.best[1].false_alarms < decides.best[0].false_alarms;
  const Verdict verdict{.series = series, .direction = downwards ? Direction::kDown : Direction::kUp, .early = why.is_open && !downwards && why.now.alarms(Direction::kUp), .minute = minute,
                        .evidence = decides.best[downwards ? 1 : 0], .alpha = decides.alpha};
  why.insight = insight_of(incident_of(verdict), verdict, time_of(minute));
  return why;
}

std::vector<event::RateSpan> Insights::history(const Verdict& verdict) const {
  constexpr std::uint8_t kLongest = baseline::kWindowCount - 1;
  std::vector<event::RateSpan> out;
  for (const baseline::Span& span : baseline_.spans(verdict.series, window_start(kLongest, verdict.minute), verdict.minute))
    out.push_back({time_of(span.minute), span.minutes, span.count, span.mean});
  std::reverse(out.begin(), out.end());
  return out;
}

void Insights::end(const Verdict& verdict, Timestamp decided_at, const Emit& emit) {
  const auto found = incidents_.find(verdict.series);
  if (found == incidents_.end()) return;
  Incident& incident = found->second;
  event::Insight insight = insight_of(incident, verdict, decided_at);
  incidents_.erase(found);
  emit(std::move(insight));
}

event::Insight Insights::insight_of(const Incident& incident, const Verdict& verdict, Timestamp decided_at) const {
  const baseline::SeriesName name = baseline_.name_of(incident.series);
  const bool is_start = verdict.what == Transition::What::kStart;
  event::Insight insight{.is_start = is_start,
                         .type = incident.series.kind == SeriesKind::kCalls ? event::InsightType::kApiCallRate : event::InsightType::kApiErrorRate,
                         .is_data = baseline_.is_data(incident.series),
                         .event_source = std::string(name.event_source),
                         .event_name = std::string(name.event_name),
                         .error_code = std::string(name.error_code),
                         .started_at = time_of(incident.onset.minute),
                         .is_upward = incident.direction == Direction::kUp,
                         .decision_time = decided_at,
                         .decided_by = is_start ? kind_of(verdict.evidence.channel) : event::DecidedBy::kNothing,
                         .early = verdict.early,
                         .adopted = verdict.adopted,
                         .observed = verdict.evidence.count,
                         .expected = verdict.evidence.mean,
                         .score = verdict.evidence.score,
                         .false_alarms_per_week = is_start ? verdict.evidence.false_alarms : 0,
                         .threshold = verdict.alpha,
                         .constants = baseline::constants_hash()};
  insight.event_time = is_start ? insight.started_at : time_of(incident.extent.end());
  if (is_start) {
    const std::int64_t minutes = incident.decided - incident.onset.minute + 1;
    insight.insight = {static_cast<std::uint64_t>(incident.onset.count), minutes};
    // AWS describes a window of five minutes in some of its Starts.
    if (settings_.config.start_window_minutes == 5 && minutes < 5) insight.insight.minutes = 5;
  } else {
    insight.insight = {static_cast<std::uint64_t>(std::max(incident.extent.count(), 0.0)), incident.extent.minutes()};
  }
  insight.baseline = {incident.baseline_calls, baseline::baseline_minutes(incident.onset.minute)};
  insight.attributions = attributions(incident);
  const std::uint64_t series = packed(incident.series);
  const std::uint32_t recent = recent_index_.find(splitmix64(series), [&](std::uint32_t i) { return recent_[i].series == series; });
  if (recent != baseline::RowIndex::kNone) insight.event_ids = recent_[recent].oldest_first();
  insight.sentence = sentence_of(insight, insight.attributions);
  return insight;
}

std::vector<event::Attribution> Insights::attributions(const Incident& incident) const {
  const auto known = baselines_.find(packed(incident.series));
  // An error's rate has one code by definition.
  const std::size_t dimensions = incident.series.kind == SeriesKind::kCalls ? kDimensions : kDimensions - 1;
  std::vector<event::Attribution> out;
  for (std::size_t i = 0; i < dimensions; ++i) {
    const auto shares = [this](const Sketch& sketch) {
      std::map<std::string_view, double> by_text;
      for (const auto& counter : sketch.counters()) by_text[texts_->text(counter.value)] = counter.count / sketch.total();
      return by_text;
    };
    const auto now = shares(incident.sketches[i]);
    const auto before = known == baselines_.end() || incident.baseline_calls == 0 ? std::map<std::string_view, double>{} : shares(known->second[i]);
    const double now_rate = incident.onset.count, before_rate = static_cast<double>(incident.baseline_calls) /
                                                                static_cast<double>(baseline::baseline_minutes(incident.onset.minute));
    const auto top = [](const std::map<std::string_view, double>& from, auto rank) {
      std::vector<event::AttributedRate> rates;
      for (const auto& [text, share] : from) rates.push_back({std::string(text), share});
      std::stable_sort(rates.begin(), rates.end(), [&](const auto& a, const auto& b) { return rank(a) > rank(b); });
      if (rates.size() > kShown) rates.resize(kShown);
      std::stable_sort(rates.begin(), rates.end(), [](const auto& a, const auto& b) { return a.share > b.share; });
      return rates;
    };
    const auto rise = [&](const event::AttributedRate& rate) {
      const auto was = before.find(rate.value);
      return rate.share * now_rate - (was == before.end() ? 0 : was->second * before_rate);
    };
    out.push_back({kAttributes[i], top(now, rise), top(before, [](const auto& rate) { return rate.share; })});
  }
  return out;
}

std::string Insights::sentence_of(const event::Insight& insight, const std::vector<event::Attribution>& attributions) const {
  const std::string what = insight.type == event::InsightType::kApiCallRate
                               ? fmt::format("{} of {}", printable(insight.event_name), printable(insight.event_source))
                               : fmt::format("{} failures of {} of {}", printable(insight.error_code), printable(insight.event_name), printable(insight.event_source));
  const std::string where = fmt::format("in {} of account {}", printable(region_), printable(account_));
  const std::string calls = counted(insight.insight.calls, "call"), minutes = counted(static_cast<std::uint64_t>(insight.insight.minutes), "minute");
  if (!insight.is_start) {
    if (insight.adopted) return fmt::format("{} {}: the unusual rate has lasted a day and is taken for the new normal.", what, where);
    return fmt::format("{} {}: over at {}, after {} in {}.", what, where, format_time(insight.event_time), calls, minutes);
  }
  std::string who;
  if (!attributions.empty() && !attributions[0].insight.empty() && !attributions[0].insight[0].value.empty())
    who = fmt::format(", {:.0f} % of it by {}", attributions[0].insight[0].share * 100, printable(attributions[0].insight[0].value));
  const std::string usual = insight.baseline.calls == 0 ? "none in the seven days before" : fmt::format("{} in the seven days before", rate_in_words(insight.baseline));
  if (insight.is_upward) return fmt::format("{} {}: {} in {}, against {}{}.", what, where, calls, minutes, usual, who);
  if (insight.decided_by == event::DecidedBy::k28Hours)
    return fmt::format("{} {}: {} in the last 28 hours; for weeks, no 28 hours had fewer than {:.0f}.", what, where,
                       insight.observed == 0 ? "no call" : counted(static_cast<std::uint64_t>(insight.observed), "call"), insight.expected);
  return fmt::format("{} {}: {} in {}, against {}: it has become unusually quiet.", what, where, insight.insight.calls == 0 ? "no call" : calls, minutes, usual);
}

void Insights::close_before(std::int64_t minute, baseline::MinutePass& pass, const Emit& emit) {
  if (minute == kEnd && rows() > 0) minute = baseline_.newest() + 1;
  // Room is made when an hour closes, however many minutes close at once.
  while (baseline_.first_open() != baseline::CellBaseline::kNever && baseline_.first_open() < minute) {
    const std::int64_t until = std::min(minute, (baseline_.first_open() / 60 + 1) * 60);
    baseline_.close_before(until, pass, verdicts_, [&](std::int64_t closed) { close_minute(closed, emit); });
    if (baseline_.first_open() < until) return;  // it sleeps
    if (until % 60 == 0) make_room();
  }
}

void Insights::close_minute(std::int64_t minute, const Emit& emit) {
  for (auto& [series, incident] : incidents_) {
    if (minute < incident.extent.onset()) continue;
    incident.extent.add(baseline_.spans(series, minute, minute).front());
  }
  std::stable_sort(verdicts_.begin(), verdicts_.end(), [this](const Verdict& a, const Verdict& b) { return baseline_.compare(a.series, b.series) < 0; });
  if (!verdicts_.empty()) handle(time_of(minute), emit);
  feed_sketches(minute);
  pending_of(minute - kKeptClosedMinutes).clear();
  if (minute % 60 == 59) forget_texts();
}

/// The baseline's sketches learn the values of a closed minute, in an order that does not depend on that of arrival.
void Insights::feed_sketches(std::int64_t minute) {
  auto& pending = pending_of(minute);
  std::sort(pending.begin(), pending.end(), [](const Pending& a, const Pending& b) {
    return std::pair(packed(a.series), a.order) < std::pair(packed(b.series), b.order);
  });
  for (const Pending& one : pending) {
    if (incidents_.contains(one.series)) continue;  // what is unusual is not what is usual
    auto& sketches = baselines_.try_emplace(packed(one.series), fresh_sketches()).first->second;
    for (std::size_t i = 0; i < kDimensions; ++i) sketches[i].add(one.values[i]);
  }
  if (minute % 1440 != 1439) return;
  static const double kDecay = baseline::portable_pow(0.5, 1 / kSketchHalfLifeDays);
  for (auto& [series, sketches] : baselines_)
    for (Sketch& sketch : sketches) sketch.decay(kDecay);
}

void Insights::forget_texts() {
  const std::int64_t now = baseline_.first_open();
  std::erase_if(recent_, [now](const Recent& recent) { return recent.newest < now - 240; });
  recent_index_ = {};
  for (std::uint32_t i = 0; i < recent_.size(); ++i) recent_index_.insert(i, [this](std::uint32_t j) { return splitmix64(recent_[j].series); });
  if (texts_->size() < kTextsBeforeSweep) return;
  texts_->keep_only(texts_in_use());
}

std::vector<bool> Insights::texts_in_use() const {
  std::vector<bool> used(texts_->numbers(), false);
  const auto use = [&used](const Sketches& sketches) {
    for (const Sketch& sketch : sketches)
      for (const auto& counter : sketch.counters()) used[counter.value] = true;
  };
  for (const auto& [series, sketches] : baselines_) use(sketches);
  for (const auto& [series, incident] : incidents_) use(incident.sketches);
  for (const auto& minute : pending_)
    for (const Pending& pending : minute)
      for (const std::uint32_t value : pending.values) used[value] = true;
  return used;
}

std::size_t Insights::forget(const event::ForgottenPrincipal& principal) {
  std::vector<bool> named = texts_in_use();
  for (std::uint32_t number = 0; number < named.size(); ++number) named[number] = named[number] && principal.is_named_by(texts_->text(number));
  std::size_t places = 0;
  for (const std::string_view name : principal.names()) places += baseline_.forget_caller(xxh3_64(name)) ? 1 : 0;
  if (std::find(named.begin(), named.end(), true) == named.end()) return places;
  const std::uint32_t nobody = texts_->number_of(kForgotten);
  named.resize(texts_->numbers(), false);
  const auto is_named = [&named](std::uint32_t number) { return named[number]; };
  for (auto& [series, sketches] : baselines_)
    for (Sketch& sketch : sketches) places += sketch.rename(is_named, nobody);
  for (auto& [series, incident] : incidents_)
    for (Sketch& sketch : incident.sketches) places += sketch.rename(is_named, nobody);
  for (auto& minute : pending_) {
    for (Pending& pending : minute) {
      const Values before = pending.values;
      std::replace_if(pending.values.begin(), pending.values.end(), is_named, nobody);
      if (pending.values == before) continue;
      pending.order = order_of(pending.values);
      ++places;
    }
  }
  texts_->keep_only(texts_in_use());
  return places;
}

std::size_t Insights::open_incidents() const { return incidents_.size(); }

std::size_t Insights::memory_bytes() const {
  std::size_t total = sizeof *this + baseline_.memory_bytes() + texts_->memory_bytes() + incidents_.size() * sizeof(Incident) +
                      recent_.capacity() * sizeof(Recent) + baselines_.size() * (sizeof(Sketches) + 32);
  for (const auto& [series, sketches] : baselines_)
    for (const Sketch& sketch : sketches) total += sketch.counters().capacity() * sizeof(Sketch::Counter);
  for (const auto& minute : pending_) total += minute.capacity() * sizeof(Pending);
  return total;
}

}  // namespace trailwarden::detectors
