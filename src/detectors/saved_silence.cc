// How `Silence` is saved: `version u32`, the clock, then account-Regions, stop calls and open findings, each in the order of its key.

#include "core/text.h"
#include "detectors/silence.h"
#include "detectors/silence_state.h"
#include "event/cell_name.h"

namespace trailwarden::detectors {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr const char* kTooShort = "silences end too early";

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

void Silence::Region::Silent::save(ByteWriter& out) const {
  out.signed_number(since);
  out.time(from);
  detectors::save(out, look);
  out.flag(candidate.has_value());
  if (candidate) detectors::save(out, *candidate);
  out.signed_number(candidate_since);
  detectors::save(out, back);
  out.flag(filled);
  out.flag(explained);
  out.number(told);
}

Result<void> Silence::Region::Silent::load(ByteReader& in) {
  since = in.signed_number();
  from = in.time();
  look = load_look(in);
  if (in.flag()) {
    auto verdict = load_verdict(in);
    if (!verdict) return fail(std::move(verdict).error());
    candidate = *verdict;
  }
  candidate_since = in.signed_number();
  back = load_time(in);
  filled = in.flag();
  explained = in.flag();
  told = in.number<std::uint64_t>();
  return {};
}

void Silence::Region::Past::save(ByteWriter& out) const {
  out.time(from);
  out.time(to);
  out.signed_number(until);
  out.text(id);
}

void Silence::Region::Past::load(ByteReader& in) {
  from = in.time();
  to = in.time();
  until = in.signed_number();
  id = in.text();
}

void Silence::Region::save(ByteWriter& out) const {
  row.save(out);
  delays.save(out);
  out.signed_number(bound);
  out.time(newest);
  event::save(out, last);
  detectors::save(out, look);
  out.time(excused_from);
  out.time(excused_until);
  out.flag(suspicious);
  out.signed_number(frozen_from);
  out.signed_number(frozen_until);
  out.flag(silent.has_value());
  if (silent) silent->save(out);
  out.flag(past.has_value());
  if (past) past->save(out);
}

Result<void> Silence::Region::load(ByteReader& in) {
  if (auto loaded = row.load(in); !loaded) return fail(std::move(loaded).error().during("account-Region " + printable(event::cell_name(account, name))));
  delays.load(in);
  bound = in.signed_number();
  newest = in.time();
  last = event::load_evidence(in);
  look = load_look(in);
  excused_from = in.time();
  excused_until = in.time();
  suspicious = in.flag();
  frozen_from = in.signed_number();
  frozen_until = in.signed_number();
  if (in.flag()) {
    if (auto loaded = (silent = Silent{})->load(in); !loaded) return loaded;
  }
  if (in.flag()) (past = Past{})->load(in);
  if (!in.ok()) return fail(ErrorCode::kMalformed, kTooShort);
  if (bound < baseline::DelayHistogram::kLeastBound || bound > INT32_MAX || frozen_from < 0 || frozen_from > INT32_MAX || (silent && !is_minute(silent->since)))
    return fail(ErrorCode::kMalformed, "numbers of an account-Region are out of range");
  return {};
}

void Silence::StopCall::save(ByteWriter& out) const {
  out.time(time);
  event::save(out, evidence);
  out.text(by);
}

void Silence::StopCall::load(ByteReader& in) {
  time = in.time();
  evidence = event::load_evidence(in);
  by = in.text();
}

void Silence::Told::save(ByteWriter& out) const {
  detectors::save(out, verdict);
  out.text(account);
  out.text(region);
  event::save(out, last);
  out.flag(stop_call.has_value());
  if (stop_call) event::save(out, *stop_call);
  out.text(stopped_by);
  out.number(members);
  out.signed_number(longest_delay.count());
  out.text(facts.id);
  out.number(facts.account_regions);
  out.time(facts.last_event);
  detectors::save(out, facts.next_event);
  for (const std::chrono::seconds duration : {facts.gap, facts.longest_usual_gap, facts.usual_delay}) out.signed_number(duration.count());
  for (const double value : {facts.expected_records, facts.false_alarms_per_week, facts.threshold}) out.real(value);
}

Result<void> Silence::Told::load(ByteReader& in) {
  auto saved = load_verdict(in);
  if (!saved) return fail(std::move(saved).error());
  verdict = *saved;
  account = in.text();
  region = in.text();
  last = event::load_evidence(in);
  if (in.flag()) stop_call = event::load_evidence(in);
  stopped_by = in.text();
  members = in.number<std::uint64_t>();
  longest_delay = std::chrono::seconds{in.signed_number()};
  facts.id = in.text();
  facts.cause = to_string(verdict.cause);
  facts.scope = to_string(verdict.scope);
  facts.account_regions = in.number<std::uint64_t>();
  facts.last_event = in.time();
  facts.next_event = load_time(in);
  for (std::chrono::seconds* const duration : {&facts.gap, &facts.longest_usual_gap, &facts.usual_delay}) *duration = std::chrono::seconds{in.signed_number()};
  for (double* const value : {&facts.expected_records, &facts.false_alarms_per_week, &facts.threshold}) *value = in.real<double>();
  return {};
}

void Silence::save(ByteWriter& out) const {
  out.number(kVersion);
  for (const std::int64_t value : {minute_, late_seen_, pause_.from, pause_.to}) out.signed_number(value);
  out.number(next_told_);
  out.number(static_cast<std::uint32_t>(regions_.size()));
  for (const auto& [name, region] : regions_) {
    out.text(region->account);
    out.text(region->name);
    region->save(out);
  }
  out.number(static_cast<std::uint32_t>(stop_calls_.size()));
  for (const auto& [account, call] : stop_calls_) {
    out.text(account);
    call.save(out);
  }
  out.number(static_cast<std::uint32_t>(told_.size()));
  for (const auto& [number, told] : told_) {
    out.number(number);
    told.save(out);
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
    if (!regions_.empty() && Name(account, name) <= regions_.rbegin()->first) return fail(ErrorCode::kMalformed, "an account-Region is saved twice, or out of order");
    const std::uint64_t cell = event::cell_hash(account, name);
    auto region = std::make_unique<Region>(account, name, cell);
    if (auto loaded = region->load(in); !loaded) return loaded;
    by_cell_.emplace(cell, region.get());
    regions_.emplace(Name(account, name), std::move(region));
  }
  const auto calls = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < calls && in.ok(); ++i) {
    const std::string account = in.text();
    if (!stop_calls_.empty() && account <= stop_calls_.rbegin()->first) return fail(ErrorCode::kMalformed, "an account's stop call is saved twice, or out of order");
    stop_calls_[account].load(in);
  }
  const auto tolds = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < tolds && in.ok(); ++i) {
    const auto number = in.number<std::uint64_t>();
    if (number == 0 || number >= next_told_ || (!told_.empty() && number <= told_.rbegin()->first))
      return fail(ErrorCode::kMalformed, "a finding of a silence has a number that it cannot have");
    if (auto loaded = told_[number].load(in); !loaded) return loaded;
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, kTooShort);
  freeze_again(output);
  return {};
}

}  // namespace trailwarden::detectors
