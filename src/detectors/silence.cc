#include "detectors/silence.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/hash.h"
#include "core/text.h"
#include "detectors/phrases.h"
#include "detectors/silence_state.h"
#include "detectors/trail_settings.h"
#include "event/cell_name.h"

namespace trailwarden::detectors {
namespace {

using namespace std::chrono_literals;
using event::CloudTrailEvent;

constexpr double kBudgetShare = 0.05;    // of `insights.false_insights_per_week`
constexpr double kSuspicious = 5;        // [nat]
constexpr std::int64_t kHold = 5;        // minutes that a cause must be the likeliest before it is told
constexpr std::int64_t kReview = 15;     // minutes after which the cause of a silence that was told is looked at again
constexpr std::int64_t kLateMatters = 60;   // minutes that a late record speaks for a lag
constexpr std::int64_t kStopMatters = 60;   // minutes before the last record in which a call may have stopped it
constexpr std::int64_t kPastMatters = 1440;  // minutes in which late records take back that a trail had stopped
constexpr std::int64_t kCellsBehind = 180;  // minutes that the closing of minutes in cells may be behind
constexpr std::int64_t kStandstill = 60;    // minutes: the clock stood still if it jumps further than that, other than by a tick
constexpr std::int64_t kGetUsedTo = 1440;   // minutes after which the delays of a lag are the usual ones
constexpr std::int64_t kFirstMinute = 365 * 1440, kLastMinute = 2'100'000'000;  // 1971 to 5962
constexpr std::size_t kMostRegions = 100'000;

Timestamp time_of(std::int64_t minute) { return Timestamp{std::chrono::minutes{minute}}; }

std::string describe_minutes(std::int64_t minutes) { return describe(std::chrono::minutes{minutes}); }

/// Whether a call, if it works, takes a trail's management events away.
bool stops_logging(const CloudTrailEvent& event) {
  if (event.event_source != "cloudtrail.amazonaws.com" || event.failed()) return false;
  if (event.event_name == "StopLogging" || event.event_name == "DeleteTrail") return true;
  if (event.event_name == "PutEventSelectors") {
    auto loss = selector_loss(event.request_parameters);
    if (!loss) loss = selector_loss(event.response_elements);
    return loss && loss->kind == SelectorLoss::Kind::kWrites;
  }
  if (event.event_name != "UpdateTrail") return false;
  return TrailSettings::requested(event.request_parameters).flags[TrailSettings::kAllRegions] == false;
}

/// Sizes of silence that are told apart when many neighbours are asked what they would have noticed; rounded down.
std::int64_t rounded(std::int64_t minutes) {
  const std::int64_t step = minutes < 30 ? 1 : minutes < 120 ? 5 : minutes < 480 ? 15 : 60;
  return std::min<std::int64_t>(minutes / step * step, 1440);
}

double alpha_of(const InsightsConfig& insights) { return insights.false_insights_per_week * kBudgetShare / insights.active_regions; }

}  // namespace

const DetectorInfo& Silence::info() {
  static constexpr std::array kOptions{
      OptionInfo{"enabled", "boolean", "", "true", "whether silences are looked for"},
      OptionInfo{"warm_up", "duration", "", "7d", "how long an account and Region is watched before its silence means something"},
  };
  static constexpr std::array<std::string_view, 5> kBlindSpots{
      "an account and Region in its first week, and one that records less than about ten events a day",
      "a silence while the log's own clock stands still: without ticks, that is without Kafka, when nothing at all comes",
      "a stop that is shorter than 1.5 times the longest silence of the last four weeks, or 3 times where that is more than a day (weekends)",
      "why: with a single account in a Region and no call that stopped logging, a stopped trail looks like late records, and is called that",
      "a trail that records less than before, but still something",
  };
  static constexpr DetectorInfo kInfo{kName, "Whole accounts and Regions that record nothing any more: their trail stopped, or their records are late",
                                      "every record, with the log's append times; ticks where nothing else may come", kOptions, kBlindSpots,
                                      "Inspired by watchdog timers; scores as for Insights (docs/baseline.md, \"Silence\")"};
  return kInfo;
}

Silence::Silence(const SilenceConfig& config, const InsightsConfig& insights) : config_(config), alpha_(alpha_of(insights)) {}

void Silence::follow(const SilenceConfig& config, const InsightsConfig& insights) {
  config_ = config;
  alpha_ = alpha_of(insights);
}

Silence::~Silence() = default;

Silence::Region& Silence::region_of(std::uint64_t cell, std::string_view account, std::string_view region) {
  // Records come in runs of one cell.
  const auto is = [&](const Region& one) { return one.account == account && one.name == region; };
  if (last_ != nullptr && is(*last_)) return *last_;
  const auto [begin, end] = by_cell_.equal_range(cell);
  for (auto it = begin; it != end; ++it)
    if (is(*it->second)) return *(last_ = it->second);
  auto made = std::make_unique<Region>(std::string(account), std::string(region), cell);
  last_ = made.get();
  regions_.emplace(Name(account, region), std::move(made));
  by_cell_.emplace(cell, last_);
  return *last_;
}

void Silence::observe(const CloudTrailEvent& event, std::uint64_t cell, Timestamp time, Timestamp log_time, baseline::MinutePass& pass, SilenceOutput& output) {
  const std::int64_t now = minute_of(log_time), minute = minute_of(time);
  // A clock that is off by centuries says nothing; nor does what has no account.
  if (now < kFirstMinute || now > kLastMinute || minute < kFirstMinute || minute > kLastMinute) return;
  if (regions_.size() >= kMostRegions && !by_cell_.contains(cell)) return;
  Region& region = region_of(cell, event.account(), event.region());
  region.row.count(minute);
  if (time > region.newest) keep_newest(region, event, time);

  if (minute_ == INT64_MIN) minute_ = now - 1;
  if (now - minute_ > kStandstill) {
    pause_ = {minute_, now};
    minute_ = now - 1;
  }
  while (minute_ < now) step(minute_ + 1, pass, output);

  const auto delay = log_time - time;
  if (delay > std::chrono::minutes{region.bound}) note_late(region, time, delay, output);
  if (region.silent && time > region.silent->from && (!region.silent->back || time < *region.silent->back)) region.silent->back = time;
  if (is_usual(region, time)) region.delays.add(delay);
  if (event.event_source.size() == 24 && stops_logging(event)) note_stop(event, time);
}

void Silence::keep_newest(Region& region, const CloudTrailEvent& event, Timestamp time) {
  region.newest = time;
  event::Evidence& last = region.last;
  last.event_id.assign(event.event_id);
  last.event_source.assign(event.event_source);
  last.event_name.assign(event.event_name);
  last.event_time = event.event_time;
  last.origin.assign(event.place.origin);
  last.record_number = event.place.record_number;
  last.byte_offset = event.place.byte_offset;
  last.partition = event.place.partition;
  last.offset = event.place.offset;
  last.record_bytes = event.raw.size();
}

void Silence::tick(Timestamp log_time, baseline::MinutePass& pass, SilenceOutput& output) {
  const std::int64_t now = minute_of(log_time);
  if (minute_ == INT64_MIN || now > kLastMinute) return;
  while (minute_ < now) step(minute_ + 1, pass, output);
}

void Silence::note_stop(const CloudTrailEvent& event, Timestamp time) {
  StopCall& call = stop_calls_[std::string(event.account())];
  if (call.time >= time) return;
  call = {time, event::make_evidence(event), fmt::format("{} called {}", who(event), printable(event.event_name))};
}

/// Whether the delay of a record says how late its account-Region's usually are. What is told of as late is not to become what is usual; unless it stays.
bool Silence::is_usual(const Region& region, Timestamp time) const {
  if (region.silent && minute_ - region.silent->since > kGetUsedTo) return true;
  if (region.silent || (time > region.excused_from && time <= region.excused_until)) return false;
  const std::int64_t minute = minute_of(time);
  if (minute >= region.frozen_from && minute < region.frozen_until) return false;
  return std::none_of(told_.begin(), told_.end(), [&](const auto& entry) {
    const Told& told = entry.second;
    return told.verdict.cause == SilenceCause::kDeliveryLag && told.concerns(region) && time > told.facts.last_event;
  });
}

void Silence::note_late(Region& region, Timestamp time, std::chrono::seconds delay, SilenceOutput& output) {
  late_seen_ = minute_;
  if (region.silent && time > region.silent->from) {
    region.silent->filled = true;
    if (const auto told = told_.find(region.silent->told); told != told_.end()) told->second.longest_delay = std::max(told->second.longest_delay, delay);
  }
  if (!region.past || minute_ > region.past->until) return;
  const Region::Past past = *region.past;
  if (time <= past.from || time >= past.to) return;
  // It was said that the trail had stopped, and that it was back.
  for (const auto& [name, other] : regions_)
    if (other->past && other->past->id == past.id) other->past.reset();
  Told told{.verdict = {SilenceCause::kTrailStopped, SilenceScope::kAlone}, .account = region.account, .region = region.name, .last = region.last};
  told.facts = {.id = past.id, .cause = to_string(SilenceCause::kTrailStopped), .scope = to_string(SilenceScope::kAlone), .last_event = past.from, .next_event = time,
                .gap = past.to - past.from, .usual_delay = std::chrono::minutes{region.bound}, .threshold = alpha_, .reclassified = to_string(SilenceCause::kDeliveryLag)};
  told.longest_delay = delay;
  output.say(finding_of(told, region, "reclassified"), region.account, region.name);
}

/// One minute of the log's clock.
void Silence::step(std::int64_t minute, baseline::MinutePass& pass, SilenceOutput& output) {
  minute_ = minute;
  due_.clear();
  for (const auto& [name, region] : regions_) {
    if (minute % 1440 == 0) region->delays.halve();
    look_at(*region, pass, output);
  }
  for (const auto& [name, region] : regions_)
    if (region->silent) explain(*region, output);
}

void Silence::look_at(Region& region, baseline::MinutePass& pass, SilenceOutput& output) {
  // Minutes before this one should be here.
  if (!region.silent || minute_ - region.silent->since > kGetUsedTo) region.bound = region.delays.bound();
  const std::int64_t due = minute_ - region.bound;
  if (region.row.sleeps(due)) region.look = {};
  else {
    region.row.close_before(due, pass);
    region.look = region.row.look(due, pause_);
  }
  // It is the gap that is suspicious: what only has become less is for the APIs to say.
  const bool is_waiting = due < region.row.closed_until();  // for its records come later than before: till then nothing new is due
  const bool suspicious = !is_waiting && region.look.score >= kSuspicious && region.row.score_if_silent(due, region.look.gap) >= kSuspicious;
  if (suspicious != region.suspicious) {
    // The cell may be behind: what was frozen lately stays so.
    if (suspicious && due - 1 - region.frozen_until > kCellsBehind) region.frozen_from = due - 1;
    region.frozen_until = suspicious ? INT64_MAX : std::max(due, region.row.closed_until()) - 1;
    output.freeze(region.account, region.name, region.frozen_from, region.frozen_until);
  }
  region.suspicious = suspicious;

  const bool is_missing = region.row.newest() < due;
  if (region.silent) {
    region.silent->look.minutes = std::max(region.silent->look.minutes, region.look.minutes);
    if (!is_missing) end(region, output);
    return;
  }
  if (!is_missing || region.look.score < kSuspicious || region.look.tail > alpha_ || std::chrono::minutes{region.row.age(due)} < config_.warm_up) return;
  if (!region.look.is_lasting && stop_call_of(region) == nullptr) return;
  region.silent = Region::Silent{.since = minute_, .from = region.newest, .look = region.look};
}

/// The call that explains its silence, if there is one.
const Silence::StopCall* Silence::stop_call_of(const Region& region) const {
  const auto found = stop_calls_.find(region.account);
  if (found == stop_calls_.end()) return nullptr;
  const Timestamp from = region.silent ? region.silent->from : region.newest;
  // It may come after the last record of a Region where little happens.
  const bool fits = found->second.time > from - std::chrono::minutes{kStopMatters} && found->second.time <= time_of(minute_);
  return fits ? &found->second : nullptr;
}

/// Which account-Regions would be noticed by now if they had been silent for so long.
const std::vector<bool>& Silence::due_after(std::int64_t minutes) {
  std::vector<bool>& due = due_[minutes];
  if (!due.empty()) return due;
  for (const auto& [name, region] : regions_) {
    const std::int64_t end = minute_ - region->bound;
    due.push_back(!region->row.sleeps(end) && region->row.score_if_silent(end, minutes) >= kSuspicious);
  }
  return due;
}

SilenceVerdict Silence::verdict_on(const Region& region) {
  if (region.silent->filled) return {SilenceCause::kDeliveryLag, SilenceScope::kAlone};
  const std::vector<bool>& due = due_after(rounded(std::max<std::int64_t>(region.silent->look.minutes, 1)));
  std::vector<DueNeighbour> neighbours;
  auto is_due = due.begin();
  for (const auto& [name, other] : regions_) {
    const bool would_be_noticed = *is_due++;
    if (other.get() == &region || !would_be_noticed) continue;
    // Between the two it cannot be said yet.
    const bool silent = other->look.score >= kSuspicious && other->row.newest() < minute_ - other->bound;
    if (silent || other->look.minutes <= region.silent->look.minutes / 2) neighbours.push_back({other->account, other->name, silent});
  }
  const bool late_seen = late_seen_ != INT64_MIN && minute_ - late_seen_ <= kLateMatters;
  return cause_of_silence(region.account, region.name, neighbours, stop_call_of(region) != nullptr, late_seen);
}

void Silence::explain(Region& region, SilenceOutput& output) {
  Region::Silent& silent = *region.silent;
  if (silent.explained) return;
  const auto told = told_.find(silent.told);
  if (silent.filled && told != told_.end() && told->second.verdict.cause == SilenceCause::kTrailStopped) {
    silent.explained = true;
    return untell(region, to_string(SilenceCause::kDeliveryLag), output);
  }
  if (told != told_.end() && !silent.filled && (minute_ - silent.since) % kReview != 0 && silent.candidate && silent.candidate->cause == told->second.verdict.cause) return;
  const SilenceVerdict verdict = verdict_on(region);
  if (!silent.candidate || silent.candidate->cause != verdict.cause) silent.candidate_since = minute_;
  silent.candidate = verdict;
  if (minute_ - silent.candidate_since < kHold) return;
  if (told != told_.end()) {
    if (told->second.verdict.cause == verdict.cause) return;
    untell(region, to_string(verdict.cause), output);
  }
  tell(region, verdict, output);
}

void Silence::tell(Region& region, const SilenceVerdict& verdict, SilenceOutput& output) {
  Region::Silent& silent = *region.silent;
  region.row.disown();
  for (auto& [number, told] : told_) {
    if (told.verdict.cause != verdict.cause) continue;
    if (!told.concerns(region)) {
      // What is going on is wider than it seemed.
      if (!concerns(verdict.scope, region.account, region.name, told.account, told.region)) continue;
      told.verdict.scope = verdict.scope;
      told.facts.scope = to_string(verdict.scope);
    }
    silent.told = number;
    ++told.members;
    ++told.facts.account_regions;
    return;
  }
  silent.told = next_told_++;
  Told& told = told_.try_emplace(silent.told, Told{.verdict = verdict, .account = region.account, .region = region.name, .last = region.last}).first->second;
  told.members = 1;
  told.facts = {.id = uuid_of_parts({region.account, region.name, kName, region.last.event_id, format_time(silent.from), fmt::format("{}", silent.since)}),
                .cause = to_string(verdict.cause), .scope = to_string(verdict.scope), .last_event = silent.from, .gap = std::max(time_of(minute_) - silent.from, 0s),
                .expected_records = region.look.expected, .longest_usual_gap = std::chrono::minutes{region.row.longest_gap()}, .usual_delay = std::chrono::minutes{region.bound},
                .false_alarms_per_week = silent.look.tail, .threshold = alpha_};
  if (const StopCall* const call = stop_call_of(region); call != nullptr && verdict.cause == SilenceCause::kTrailStopped) {
    told.stop_call = call->evidence;
    told.stopped_by = call->by;
  }
  output.say(finding_of(told, region, told.facts.cause), told.account, told.region);
}

/// What was told of it is over, or was something else.
void Silence::untell(Region& region, std::string_view reclassified, SilenceOutput& output) {
  Region::Silent& silent = *region.silent;
  const auto found = told_.find(silent.told);
  silent.told = 0;
  if (found == told_.end()) return;
  Told& told = found->second;
  if (silent.back) told.facts.next_event = std::max(told.facts.next_event.value_or(*silent.back), *silent.back);
  if (--told.members > 0) return;
  told.facts.reclassified = reclassified;
  told.facts.gap = told.facts.next_event ? *told.facts.next_event - told.facts.last_event : std::max(time_of(minute_) - told.facts.last_event, 0s);
  output.say(finding_of(told, region, reclassified.empty() ? std::string_view("records_returned") : std::string_view("reclassified")), told.account, told.region);
  told_.erase(found);
}

void Silence::end(Region& region, SilenceOutput& output) {
  const Region::Silent& silent = *region.silent;
  const auto told = told_.find(silent.told);
  const bool had_stopped = told != told_.end() && told->second.verdict.cause == SilenceCause::kTrailStopped, was_late = had_stopped && silent.filled;
  if (had_stopped && !was_late && silent.back) region.past = Region::Past{silent.from, *silent.back, minute_ + kPastMatters, told->second.facts.id};
  region.excused_from = silent.from;
  region.excused_until = region.newest;
  untell(region, was_late ? to_string(SilenceCause::kDeliveryLag) : std::string_view(), output);
  region.silent.reset();
}

event::Finding Silence::finding_of(const Told& told, const Region& region, std::string_view what) const {
  const bool is_lag = told.verdict.cause == SilenceCause::kDeliveryLag, is_start = what == told.facts.cause;
  const std::string account = printable(told.account), place = printable(told.region), first = fmt::format("account {} in {}", account, place);
  std::string whose, entity;
  switch (told.verdict.scope) {
    case SilenceScope::kPartition: whose = entity = "all account-Regions"; break;
    case SilenceScope::kRegion: whose = fmt::format("all accounts in {}", place), entity = told.region; break;
    case SilenceScope::kAccount: whose = fmt::format("account {} in all Regions", account), entity = told.account; break;
    case SilenceScope::kAlone: whose = first, entity = event::cell_name(told.account, told.region); break;
  }
  event::Finding finding{.detector = kName, .what = what, .entity = std::move(entity), .decision_time = time_of(minute_), .evidence = {}};
  finding.deciding_event_id = told.facts.id;
  finding.silence = told.facts;
  finding.evidence.push_back(told.last);
  if (told.stop_call) finding.evidence.push_back(*told.stop_call);
  const std::string since = format_time(told.facts.last_event), gap = describe(told.facts.gap);
  const std::string of_several = told.facts.account_regions > 1 ? fmt::format(" {} account-Regions are concerned.", told.facts.account_regions) : std::string();
  if (is_start && is_lag) {
    finding.title = "Records are late";
    finding.severity = event::Severity::kMedium;
    finding.sentence = fmt::format("Records of {} are late: none of {} from after {} has come for {}, as far as the neighbours tell because of their delivery.", whose, first, since, gap);
  } else if (is_start) {
    finding.title = "A trail stopped";
    finding.severity = event::Severity::kHigh;
    finding.attack = {"T1562.008", "Disable or Modify Cloud Logs", "Defense Evasion"};
    finding.sentence = fmt::format("No more records of {}: the last one of {} is from {}, {} ago, while others still come{}.", whose, first, since, gap,
                                   told.stopped_by.empty() ? std::string() : fmt::format("; {}", told.stopped_by));
    if (!told.stopped_by.empty()) finding.sentence = fmt::format("No more records of {}: the last one of {} is from {}, {} ago, after {}.", whose, first, since, gap, told.stopped_by);
  } else if (what == "records_returned") {
    finding.title = "Records are back";
    finding.severity = event::Severity::kInformational;
    finding.sentence = is_lag && told.longest_delay > 0s
                           ? fmt::format("Records of {} are no longer late; those after {} had come up to {} late.{}", whose, since, describe(told.longest_delay), of_several)
                           : fmt::format("Records of {} are back after {} without any; what happened from {} on is not recorded.{}", whose, gap, since, of_several);
  } else {
    finding.title = "A silence was something else";
    finding.severity = event::Severity::kLow;
    finding.sentence = is_lag ? fmt::format("The silence of {} since {} is no delivery lag, as was said: the others are not late.", whose, since)
                              : fmt::format("The trail of {} did not stop at {}, as was said: records of that time have come up to {} late.", whose, since, describe(told.longest_delay));
  }
  finding.normal = fmt::format("{} records {:.3g} events an hour on average, never less than one in {}; they come within {}.", first, region.row.level() * 60,
                               describe_minutes(std::max<std::int64_t>(region.row.longest_gap(), 1)), describe_minutes(region.bound));
  return finding;
}

std::size_t Silence::forget(const event::ForgottenPrincipal& principal) {
  // A record that was too long to keep names nobody.
  const auto is_theirs = [&principal](const event::Evidence& call) { return call.record.empty() || principal.is_named_by(call.record); };
  std::size_t places = std::erase_if(stop_calls_, [&](const auto& entry) { return is_theirs(entry.second.evidence); });
  for (auto& [number, told] : told_) {
    if (!told.stop_call || !is_theirs(*told.stop_call)) continue;
    told.stop_call.reset();
    told.stopped_by.clear();
    ++places;
  }
  return places;
}

void Silence::freeze_again(SilenceOutput& output) const {
  for (const auto& [name, region] : regions_)
    if (region->frozen_until > 0) output.freeze(region->account, region->name, region->frozen_from, region->frozen_until);
}

std::size_t Silence::suspicious() const {
  return static_cast<std::size_t>(std::count_if(regions_.begin(), regions_.end(), [](const auto& entry) { return entry.second->suspicious; }));
}

std::size_t Silence::memory_bytes() const {
  std::size_t total = sizeof *this + told_.size() * sizeof(Told) + stop_calls_.size() * (sizeof(StopCall) + 1024);
  for (const auto& [name, region] : regions_) total += sizeof(Region) + 256 + region->row.memory_bytes() - sizeof region->row;
  return total;
}

}  // namespace trailwarden::detectors
