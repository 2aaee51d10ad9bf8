#include "rules/correlation_state.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/check.h"
#include "rules/result_id.h"

namespace trailwarden::rules {

CorrelationState::State CorrelationState::empty_state(const Correlation& correlation) {
  if (correlation.type == CorrelationType::kFirstSeen) return FirstSeen(correlation.limits);
  if (correlation.type == CorrelationType::kAbsence) return Absence(correlation.limits);
  return WindowedCorrelation(correlation.limits);
}

Result<CorrelationState> CorrelationState::create(Correlation correlation) {
  if (auto checked = check(correlation); !checked) return fail(std::move(checked.error()));
  State state = empty_state(correlation);
  return CorrelationState(std::move(correlation), std::move(state));
}

void CorrelationState::observe(const CorrelationMatch& match, std::vector<CorrelationResult>& out) {
  TRAILWARDEN_CHECK(match.source < correlation_.sources.size() && match.group.size() == correlation_.group_names.size(),
                    "a match is of a source and a group that the correlation has");
  const auto is_long = [](const std::string& text) { return text.size() > kMaxKeptText; };
  const auto any_is_long = [&](const std::vector<std::string>& texts) { return std::any_of(texts.begin(), texts.end(), is_long); };
  std::optional<CorrelationMatch> shorter;
  if (any_is_long(match.group) || any_is_long(match.values)) {
    shorter = match;
    for (auto* const texts : {&shorter->group, &shorter->values})
      for (std::string& text : *texts) text = kept_text(std::move(text));
  }
  std::visit([&](auto& state) { state.observe(correlation_, shorter ? *shorter : match, watermark_, out); }, state_);
}

void CorrelationState::advance(Timestamp watermark, std::vector<CorrelationResult>& out) {
  if (watermark <= watermark_) return;
  watermark_ = watermark;
  std::visit([&](auto& state) { state.advance(correlation_, watermark, out); }, state_);
}

std::size_t CorrelationState::forget(const NamesWho& names) {
  return std::visit([&names](auto& state) { return state.forget(names); }, state_);
}

std::size_t CorrelationState::groups() const {
  return std::visit([](const auto& state) { return state.groups(); }, state_);
}

std::size_t CorrelationState::entries() const {
  return std::visit([](const auto& state) { return state.entries(); }, state_);
}

CorrelationCounters CorrelationState::counters() const {
  return std::visit([](const auto& state) { return state.counters(); }, state_);
}

void CorrelationState::save(ByteWriter& out) const {
  out.number(static_cast<std::uint8_t>(correlation_.type));
  out.number(static_cast<std::uint8_t>(correlation_.group_names.size()));
  out.time(watermark_);
  std::visit([&out](const auto& state) { state.save(out); }, state_);
}

Result<void> CorrelationState::load(ByteReader& in) {
  const auto type = in.number<std::uint8_t>(), parts = in.number<std::uint8_t>();
  if (type != static_cast<std::uint8_t>(correlation_.type) || parts != correlation_.group_names.size())
    return fail(ErrorCode::kMalformed, "the saved state is of another correlation than " + correlation_.id);
  watermark_ = in.time();
  state_ = empty_state(correlation_);
  std::visit([&](auto& state) { state.load(in, parts); }, state_);
  if (!in.ok()) return fail(ErrorCode::kMalformed, "the saved state of the correlation " + correlation_.id + " ends too early");
  return {};
}

std::size_t CorrelationState::memory_bytes() const {
  return sizeof(*this) + std::visit([](const auto& state) { return state.memory_bytes(); }, state_);
}

}  // namespace trailwarden::rules
