#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/envelope.h"
#include "alerts/quiet.h"
#include "detectors/detector.h"
#include "detectors/insights.h"
#include "detectors/silence_config.h"
#include "detectors/suppressions.h"
#include "event/decoder.h"
#include "event/finding.h"
#include "pipeline/batch.h"
#include "pipeline/dedup_window.h"
#include "pipeline/said_alerts.h"
#include "pipeline/settle_buffer.h"
#include "pipeline/totals.h"

namespace trailwarden::pipeline {

/// What every cell of a run shares.
struct CellSettings {
  std::vector<detectors::ConfiguredDetector> detectors;
  std::chrono::seconds lateness{};
  bool settle = true;
  std::size_t max_record_bytes = std::size_t{1} << 20;
  std::size_t max_message_bytes = 1'000'000;  // of an alert with key and headers; what is larger is cut
  detectors::InsightsSettings insights;
  detectors::SilenceConfig silence;
  detectors::Suppressions suppressions;

  std::size_t open_minutes() const {
    return static_cast<std::size_t>(std::chrono::ceil<std::chrono::minutes>(lateness).count()) + 2;
  }
};

/// Where a cell's judgements go, with the tools that it borrows from its thread.
struct CellOutput {
  event::Decoder& decoder;  // for records that leave the settle buffer
  event::Arena& arena;
  baseline::MinutePass& minute_pass;
  std::vector<Alert>& alerts;
  Totals& totals;
  std::vector<DetectorTotals*> by_detector;  // of `totals`, in the order of CellSettings::detectors
};

/// Everything that is known of one (account, Region): the state that is saved, exported and moved as one.
class Cell {
 public:
  Cell(const CellSettings& settings, std::string_view account, std::string_view region);

  /// What its detectors' correlations keep.
  void add_correlations(Totals& totals) const;
  bool is(std::string_view account, std::string_view region) const { return account_ == account && region_ == region; }
  const std::string& account() const { return account_; }
  const std::string& region() const { return region_; }

  /// Judges a record of this cell, or holds it until it settles. False if it is a repeat.
  bool judge(Slot& slot, CellOutput& output);

  /// Closes the minutes before `watermark`: settled records are judged, windows and quiet times end.
  void advance(Timestamp watermark, CellOutput& output);

  /// Closes everything: the input is over.
  void finish(CellOutput& output);

  /// The account-Region is suspiciously silent in the minutes [from, until): see `CellBaseline::freeze`.
  void freeze(std::int64_t from, std::int64_t until) {
    if (insights_) insights_->freeze(from, until);
  }

  /// Null where Insights are switched off.
  const detectors::Insights* insights() const { return insights_.get(); }

  /// Everything that a later judgement depends on. Each detector's state stands behind its name and length, that of the baselines behind its length.
  void save(ByteWriter& out) const;
  /// Into a fresh cell of the same account and Region. The configuration may be another: detectors, or Insights, that were not saved begin afresh, and
  /// what was saved of others is passed over. An error leaves the cell unusable.
  Result<void> load(ByteReader& in);
  /// Forgets a principal: records of it that wait, what detectors and quiet times know of it, its name in attributions. No count of calls changes. How many places
  /// named it.
  std::size_t forget(const event::ForgottenPrincipal& principal);
  std::size_t memory_bytes() const;

  /// The settings have other detectors now. Each of them goes on from what the one of its name knew, as if the cell had been saved and loaded; `before`: those that the settings
  /// had until now.
  void change_detectors(std::span<const detectors::ConfiguredDetector> before);
  /// The settings of Insights have changed: what was learned goes on under them. Switched off, it is forgotten; switched on, it begins afresh.
  void change_insights();

 private:
  class Speaking;

  using DetectorSet = std::uint32_t;  // by their numbers
  DetectorSet who_wants(const event::CloudTrailEvent& event) const;
  void observe(const event::CloudTrailEvent& event, DetectorSet wanting, CellOutput& output);
  /// Judges the unsettled records from before `minute`, in order of event time.
  void settle(std::int64_t minute, CellOutput& output);
  void close(Timestamp watermark, CellOutput& output);
  void make_detectors();
  void save_detectors(std::span<const detectors::ConfiguredDetector> configured, ByteWriter& out) const;
  Result<void> load_detectors(ByteReader& in);
  Result<void> load_insights(ByteReader& in);
  /// Where the Insights of this cell go.
  detectors::Insights::Emit insights_to(CellOutput& output);
  /// False if it was said before.
  bool put(CellOutput& output, alerts::RenderedAlert alert, Timestamp decision_time, std::string_view detector, event::Severity severity);

  const CellSettings& settings_;
  std::string account_, region_;
  std::int64_t minute_ = INT64_MIN;  // of the watermark last advanced to: minutes before it are closed
  DedupWindow seen_;
  SettleBuffer unsettled_;
  std::vector<std::unique_ptr<detectors::Detector>> detectors_;
  std::unique_ptr<detectors::Insights> insights_;
  alerts::Quiet quiet_;
  SaidAlerts said_;
};

}  // namespace trailwarden::pipeline
