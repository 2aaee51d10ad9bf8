#include "pipeline/cell.h"

#include <algorithm>
#include <set>

#include "alerts/envelope.h"
#include "alerts/insight_record.h"
#include "core/check.h"
#include "core/hash.h"
#include "core/interned.h"
#include "core/text.h"
#include "detectors/rules.h"
#include "pipeline/alert_message.h"

namespace trailwarden::pipeline {

/// What a detector emits, on its way through the quiet times to the batch's alerts.
class Cell::Speaking final : public event::Emit {
 public:
  Speaking(Cell& cell, CellOutput& output)
      : cell_(cell), output_(output),
        quiet_output_{[this](const event::Finding& finding) { say(finding); }, [this](const alerts::Summary& summary) { say(summary); },
                      [this](const event::Finding& repeat) { ++of(repeat.detector).folded; }} {}

  /// Whose findings come next.
  void speaks(std::size_t detector) { detector_ = detector; }
  const alerts::Quiet::Output& quiet_output() const { return quiet_output_; }

  void operator()(event::Finding finding) override {
    if (const auto hidden_by = cell_.settings_.suppressions.hiding(finding, cell_.account_, cell_.region_)) {
      ++output_.totals.hidden[interned(cell_.settings_.suppressions.list()[*hidden_by].name)][static_cast<std::size_t>(finding.severity)];
      return;
    }
    const std::chrono::seconds quiet_for = finding.quiet_for.value_or(cell_.settings_.detectors[detector_].quiet_for);
    cell_.quiet_.observe(std::move(finding), quiet_for, quiet_output_);
  }

 private:
  DetectorTotals& of(std::string_view detector) { return output_.totals.detectors[detector]; }

  void say(const event::Finding& finding) {
    const bool said = cell_.put(output_, alerts::render(finding, {cell_.account_, cell_.region_}), finding.decision_time, finding.detector, finding.severity);
    ++(said ? of(finding.detector).findings[static_cast<std::size_t>(finding.severity)] : of(finding.detector).folded);
    if (said && finding.detector == detectors::Rules::kName) ++output_.totals.rules[finding.what][static_cast<std::size_t>(finding.severity)];
  }

  void say(const alerts::Summary& summary) {
    const bool said = cell_.put(output_, alerts::render(summary, {cell_.account_, cell_.region_}), summary.decision_time, summary.finding.detector, summary.finding.severity);
    ++(said ? of(summary.finding.detector).summaries : of(summary.finding.detector).folded);
  }

  Cell& cell_;
  CellOutput& output_;
  const alerts::Quiet::Output quiet_output_;
  std::size_t detector_ = 0;
};

Cell::Cell(const CellSettings& settings, std::string_view account, std::string_view region)
    : settings_(settings), account_(account), region_(region), seen_(settings.open_minutes()) {
  make_detectors();
  change_insights();
}

void Cell::make_detectors() {
  detectors_.clear();
  for (const detectors::ConfiguredDetector& detector : settings_.detectors) detectors_.push_back(detector.make());
}

void Cell::change_detectors(std::span<const detectors::ConfiguredDetector> before) {
  ByteWriter known;
  save_detectors(before, known);
  make_detectors();
  ByteReader in(known.bytes());
  TRAILWARDEN_CHECK(load_detectors(in).has_value(), "what was saved just now can be loaded");
}

void Cell::change_insights() {
  if (!settings_.insights.config.enabled) insights_.reset();
  else if (insights_) insights_->follow_settings();
  else insights_ = std::make_unique<detectors::Insights>(settings_.insights, account_, region_);
}

detectors::Insights::Emit Cell::insights_to(CellOutput& output) {
  return [this, &output](const event::Insight& insight) {
    if (!put(output, alerts::render(insight, {account_, region_}), insight.decision_time, alerts::kInsightsName, alerts::severity_of(insight))) return;
    pipeline::InsightTotals& totals = output.totals.insights[static_cast<std::size_t>(insight.type)];
    ++(insight.is_start ? totals.starts : totals.ends);
  };
}

bool Cell::put(CellOutput& output, alerts::RenderedAlert alert, Timestamp decision_time, std::string_view detector, event::Severity severity) {
  if (!said_.insert(alert.id)) return false;
  output.alerts.push_back(alert_message(std::move(alert), account_, decision_time, detector, severity, settings_.max_message_bytes));
  return true;
}

bool Cell::judge(Slot& slot, CellOutput& output) {
  event::CloudTrailEvent& event = slot.event;
  advance(slot.watermark, output);
  const std::int64_t minute = minute_of(slot.time);
  event.late = minute < minute_;
  // The very first records have no id; their bytes stand in for it.
  const std::string_view identity = event.event_id.empty() ? event.raw : event.event_id;
  if (!event.late && !seen_.insert(minute, xxh3_64(identity))) return false;
  if (insights_) insights_->observe(event, minute, minute_, insights_to(output));
  const DetectorSet wanting = who_wants(event);
  if (wanting == 0) return true;
  if (!settings_.settle || event.late) {
    observe(event, wanting, output);
    return true;
  }
  unsettled_.hold(event, slot.time);
  if (unsettled_.size() > SettleBuffer::kMaxHeld) settle(minute_, output);
  return true;
}

Cell::DetectorSet Cell::who_wants(const event::CloudTrailEvent& event) const {
  DetectorSet wanting = 0;
  for (std::size_t i = 0; i < detectors_.size(); ++i) wanting |= DetectorSet{detectors_[i]->wants(event)} << i;
  return wanting;
}

void Cell::observe(const event::CloudTrailEvent& event, DetectorSet wanting, CellOutput& output) {
  Speaking speaking(*this, output);
  for (std::size_t i = 0; i < detectors_.size(); ++i) {
    if ((wanting >> i & 1) == 0) continue;
    ++output.by_detector[i]->evaluations;
    speaking.speaks(i);
    detectors_[i]->observe(event, speaking);
  }
}

void Cell::advance(Timestamp watermark, CellOutput& output) {
  const std::int64_t minute = minute_of(watermark);
  if (minute <= minute_) return;
  minute_ = minute;
  seen_.close_before(minute);
  settle(minute, output);
  if (insights_) insights_->close_before(minute, output.minute_pass, insights_to(output));
  // Closed is what came before the minute, not before the second: records of its first seconds may still be unsettled.
  close(Timestamp{std::chrono::minutes{minute}}, output);
}

void Cell::finish(CellOutput& output) {
  settle(minute_of(kEndOfTime), output);
  if (insights_) insights_->close_before(detectors::Insights::kEnd, output.minute_pass, insights_to(output));
  close(kEndOfTime, output);
}

void Cell::settle(std::int64_t minute, CellOutput& output) {
  SettleBuffer::Held held;
  const std::uint64_t early_before = unsettled_.taken_early();
  while (unsettled_.take_before(minute, held)) {
    // Decoded once before, from the same bytes; the padding is what a fresh copy lacks.
    held.record.append(event::kPadding, ' ');
    event::CloudTrailEvent event;
    output.arena.clear();
    const auto text = std::string_view(held.record).substr(0, held.record.size() - event::kPadding);
    const event::Refusal refusal = output.decoder.decode(text, output.arena, event);
    TRAILWARDEN_CHECK(refusal == event::Refusal::kNone, "a record that was decoded before can be decoded again");
    event.place = held.place;
    observe(event, who_wants(event), output);
  }
  output.totals.settled_early += unsettled_.taken_early() - early_before;
}

void Cell::close(Timestamp watermark, CellOutput& output) {
  Speaking speaking(*this, output);
  for (std::size_t i = 0; i < detectors_.size(); ++i) {
    speaking.speaks(i);
    detectors_[i]->advance(watermark, speaking);
  }
  quiet_.advance(watermark, speaking.quiet_output());
}

void Cell::save(ByteWriter& out) const {
  out.signed_number(minute_);
  seen_.save(out);
  unsettled_.save(out);
  save_detectors(settings_.detectors, out);
  quiet_.save(out);
  said_.save(out);
  out.flag(insights_ != nullptr);
  if (insights_) out.part([&] { insights_->save(out); });
}

Result<void> Cell::load(ByteReader& in) {
  minute_ = in.signed_number();
  return seen_.load(in)
      .and_then([&] { return unsettled_.load(in); })
      .and_then([&] { return load_detectors(in); })
      .and_then([&] { return quiet_.load(in); })
      .and_then([&] { return said_.load(in); })
      .and_then([&] { return load_insights(in); });
}

void Cell::save_detectors(std::span<const detectors::ConfiguredDetector> configured, ByteWriter& out) const {
  out.number(static_cast<std::uint32_t>(detectors_.size()));
  for (std::size_t i = 0; i < detectors_.size(); ++i) {
    out.text(configured[i].info->name);
    out.part([&] { detectors_[i]->save(out); });
  }
}

Result<void> Cell::load_detectors(ByteReader& in) {
  const auto count = in.number<std::uint32_t>();
  std::set<std::string> names;
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const std::string name = in.text();
    ByteReader state = in.part();
    if (!in.ok()) break;
    if (!names.insert(name).second) return fail(ErrorCode::kMalformed, "a detector is saved twice: " + printable(name));
    const auto known = std::find_if(settings_.detectors.begin(), settings_.detectors.end(), [&](const auto& detector) { return detector.info->name == name; });
    if (known == settings_.detectors.end()) continue;  // it was on when this was saved
    const auto which = static_cast<std::size_t>(known - settings_.detectors.begin());
    auto loaded = detectors_[which]->load(state).and_then([&] { return state.finish(); });
    if (!loaded) return fail(std::move(loaded).error().during("detector " + name));
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "detectors end too early");
  return {};
}

Result<void> Cell::load_insights(ByteReader& in) {
  const bool saved = in.flag();
  ByteReader state = saved ? in.part() : ByteReader({});
  if (!in.ok()) return fail(ErrorCode::kMalformed, "insights end too early");
  if (!saved || !insights_) return {};  // switched on, or off, since then
  auto loaded = insights_->load(state).and_then([&] { return state.finish(); });
  if (!loaded) return fail(std::move(loaded).error().during("insights"));
  return {};
}

std::size_t Cell::forget(const event::ForgottenPrincipal& principal) {
  std::size_t places = unsettled_.forget(principal) + quiet_.forget(principal);
  for (const auto& detector : detectors_) places += detector->forget(principal, account_);
  if (insights_) places += insights_->forget(principal);
  return places;
}

void Cell::add_correlations(Totals& totals) const {
  for (const auto& detector : detectors_)
    for (const auto& [rule, use] : detector->correlations()) totals.correlations[rule].add(use);
}

std::size_t Cell::memory_bytes() const {
  std::size_t total = sizeof *this + account_.capacity() + region_.capacity() + seen_.memory_bytes() + unsettled_.memory_bytes() + quiet_.memory_bytes() + said_.memory_bytes();
  for (const auto& detector : detectors_) total += detector->memory_bytes();
  if (insights_) total += insights_->memory_bytes();
  return total;
}

}  // namespace trailwarden::pipeline
