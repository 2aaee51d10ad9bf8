// How `Silence` is saved: `version u32`, the clock, then account-Regions, stop calls and open findings, each in the order of its key.

#include "core/text.h"
#include "detectors/silence.h"
#include "detectors/silence_state.h"
#include "event/cell_name.h"

namespace trailwarden::detectors {
namespace {

constexpr std::uint32_t kVersion = 1;

void save(ByteWriter& out, const baseline::Quietness& look) {
  out.real(look.score);
  out.real(look.tail);
  out.signed_number(look.gap);
  out.signed_number(look.minutes);
  out.real(look.expected);
  out.flag(look.is_lasting);
}

baseline::Quietness load_look(ByteReader& in) {
  baseline::Quietness look;
  look.score = in.real<double>();
  look.tail = in.real<double>();
  look.gap = in.signed_number();
  look.minutes = in.signed_number();
  look.expected = in.real<double>();
  look.is_lasting = in.flag();
  return look;
}

void save(ByteWriter& out, const SilenceVerdict& verdict) {
  out.number(static_cast<std::uint8_t>(verdict.cause));
  out.number(static_cast<std::uint8_t>(verdict.scope));
}

Result<SilenceVerdict> load_verdict(ByteReader& in) {
  const auto cause = in.number<std::uint8_t>(), scope = in.number<std::uint8_t>();
  if (cause > static_cast<std::uint8_t>(SilenceCause::kTrailStopped) || scope > static_cast<std::uint8_t>(SilenceScope::kAlone))
    return fail(ErrorCode::kMalformed, "a silence has a cause that there is not");
  return SilenceVerdict{static_cast<SilenceCause>(cause), static_cast<SilenceScope>(scope)};
}

void save(ByteWriter& out, const std::optional<Timestamp>& time) {
  out.flag(time.has_value());
  if (time) out.time(*time);
}

std::optional<Timestamp> load_time(ByteReader& in) { return in.flag() ? std::optional(in.time()) : std::nullopt; }

/// Whether minutes of the log's clock can be that.
bool is_minute(std::int64_t minute) { return minute >= 0 && minute <= INT32_MAX; }

}  // namespace

void Silence::save(ByteWriter& out) const {
  out.number(kVersion);
  for (const std::int64_t value : {minute_, late_seen_, pause_.from, pause_.to}) out.signed_number(value);
  out.number(next_told_);
  out.number(static_cast<std::uint32_t>(regions_.size()));
  for (const auto& [name, region] : regions_) {
    out.text(region->account);
    out.text(region->name);
    region->row.save(out);
    region->delays.save(out);
    out.signed_number(region->bound);
    out.time(region->newest);
    event::save(out, region->last);
    detectors::save(out, region->look);
    out.time(region->excused_from);
    out.time(region->excused_until);
    out.flag(region->suspicious);
    out.signed_number(region->frozen_from);
    out.signed_number(region->frozen_until);
    out.flag(region->silent.has_value());
    if (region->silent) {
      const Region::Silent& silent = *region->silent;
      out.signed_number(silent.since);
      out.time(silent.from);
      detectors::save(out, silent.look);
      out.flag(silent.candidate.has_value());
      if (silent.candidate) detectors::save(out, *silent.candidate);
      out.signed_number(silent.candidate_since);
      detectors::save(out, silent.back);
      out.flag(silent.filled);
      out.flag(silent.explained);
      out.number(silent.told);
    }
    out.flag(region->past.has_value());
    if (region->past) {
      out.time(region->past->from);
      out.time(region->past->to);
      out.signed_number(region->past->until);
      out.text(region->past->id);
    }
  }
  out.number(static_cast<std::uint32_t>(stop_calls_.size()));
  for (const auto& [account, call] : stop_calls_) {
    out.text(account);
    out.time(call.time);
    event::save(out, call.evidence);
    out.text(call.by);
  }
  out.number(static_cast<std::uint32_t>(told_.size()));
  for (const auto& [number, told] : told_) {
    out.number(number);
    detectors::save(out, told.verdict);
    out.text(told.account);
    out.text(told.region);
    event::save(out, told.last);
    out.flag(told.stop_call.has_value());
    if (told.stop_call) event::save(out, *told.stop_call);
    out.text(told.stopped_by);
    out.number(told.members);
    out.signed_number(told.longest_delay.count());
    const event::SilenceFacts& facts = told.facts;
    out.text(facts.id);
    out.number(facts.account_regions);
    out.time(facts.last_event);
    detectors::save(out, facts.next_event);
    for (const std::chrono::seconds duration : {facts.gap, facts.longest_usual_gap, facts.usual_delay}) out.signed_number(duration.count());
    for (const double value : {facts.expected_records, facts.false_alarms_per_week, facts.threshold}) out.real(value);
  }
}

Result<void> Silence::load(ByteReader& in, SilenceOutput& output) {
  if (in.number<std::uint32_t>() != kVersion) return fail(ErrorCode::kMalformed, "saved by another version");
  for (std::int64_t* const value : {&minute_, &late_seen_, &pause_.from, &pause_.to}) *value = in.signed_number();
  next_told_ = in.number<std::uint64_t>();
  const auto regions = in.number<std::uint32_t>();
  if (minute_ != INT64_MIN && !is_minute(minute_)) return fail(ErrorCode::kMalformed, "a clock that is off by centuries");
  for (std::uint32_t i = 0; i < regions && in.ok(); ++i) {
    const std::string account = in.text(), name = in.text();
    const std::uint64_t cell = event::cell_hash(account, name);
    auto made = std::make_unique<Region>(account, name, cell);
    Region& region = *made;
    if (auto loaded = region.row.load(in); !loaded) return fail(std::move(loaded).error().during("account-Region " + printable(event::cell_name(account, name))));
    region.delays.load(in);
    region.bound = in.signed_number();
    region.newest = in.time();
    region.last = event::load_evidence(in);
    region.look = load_look(in);
    region.excused_from = in.time();
    region.excused_until = in.time();
    region.suspicious = in.flag();
    region.frozen_from = in.signed_number();
    region.frozen_until = in.signed_number();
    if (in.flag()) {
      Region::Silent& silent = region.silent.emplace();
      silent.since = in.signed_number();
      silent.from = in.time();
      silent.look = load_look(in);
      if (in.flag()) {
        auto verdict = load_verdict(in);
        if (!verdict) return fail(std::move(verdict).error());
        silent.candidate = *verdict;
      }
      silent.candidate_since = in.signed_number();
      silent.back = load_time(in);
      silent.filled = in.flag();
      silent.explained = in.flag();
      silent.told = in.number<std::uint64_t>();
    }
    if (in.flag()) {
      Region::Past& past = region.past.emplace();
      past.from = in.time();
      past.to = in.time();
      past.until = in.signed_number();
      past.id = in.text();
    }
    if (!in.ok()) break;
    if (region.bound < baseline::DelayHistogram::kLeastBound || region.bound > INT32_MAX || region.frozen_from < 0 || region.frozen_from > INT32_MAX ||
        (region.silent && !is_minute(region.silent->since)))
      return fail(ErrorCode::kMalformed, "numbers of an account-Region are out of range");
    by_cell_.emplace(cell, made.get());
    if (!regions_.emplace(Name(account, name), std::move(made)).second) return fail(ErrorCode::kMalformed, "an account-Region is saved twice");
  }
  const auto calls = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < calls && in.ok(); ++i) {
    StopCall& call = stop_calls_[in.text()];
    call.time = in.time();
    call.evidence = event::load_evidence(in);
    call.by = in.text();
  }
  const auto tolds = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < tolds && in.ok(); ++i) {
    const auto number = in.number<std::uint64_t>();
    auto verdict = load_verdict(in);
    if (!verdict) return fail(std::move(verdict).error());
    if (number == 0 || number >= next_told_) return fail(ErrorCode::kMalformed, "a finding of a silence has a number that it cannot have");
    Told& told = told_[number];
    told.verdict = *verdict;
    told.account = in.text();
    told.region = in.text();
    told.last = event::load_evidence(in);
    if (in.flag()) told.stop_call = event::load_evidence(in);
    told.stopped_by = in.text();
    told.members = in.number<std::uint64_t>();
    told.longest_delay = std::chrono::seconds{in.signed_number()};
    event::SilenceFacts& facts = told.facts;
    facts.id = in.text();
    facts.cause = to_string(told.verdict.cause);
    facts.scope = to_string(told.verdict.scope);
    facts.account_regions = in.number<std::uint64_t>();
    facts.last_event = in.time();
    facts.next_event = load_time(in);
    for (std::chrono::seconds* const duration : {&facts.gap, &facts.longest_usual_gap, &facts.usual_delay}) *duration = std::chrono::seconds{in.signed_number()};
    for (double* const value : {&facts.expected_records, &facts.false_alarms_per_week, &facts.threshold}) *value = in.real<double>();
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "silences end too early");
  freeze_again(output);
  return {};
}

}  // namespace trailwarden::detectors
