#include "app/suite_cell.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "core/check.h"
#include "detectors/insights.h"
#include "pipeline/engine.h"

namespace trailwarden::app {
namespace {

const std::chrono::seconds kLateness = pipeline::EngineOptions{}.lateness;
const std::int64_t kLatenessMinutes = std::chrono::ceil<std::chrono::minutes>(kLateness).count();

detectors::InsightsSettings settings_of(const SuiteCell& cell, double rate) {
  const pipeline::CellSettings production{.lateness = kLateness};
  detectors::InsightsSettings settings;
  settings.config.false_insights_per_week = rate * 2 * static_cast<double>(cell.apis_of_account);
  settings.config.region_shares = {{cell.account, cell.region, static_cast<double>(cell.apis) / static_cast<double>(cell.apis_of_account)}};
  settings.open_minutes = production.open_minutes() + 1;
  return settings;
}

/// Plays the records of one cell, minute by minute, and keeps what is said.
class Play {
 public:
  Play(const ActivitySuite& suite, const SuiteCell& cell, double rate)
      : suite_(suite), cell_(cell), rate_(rate), start_minute_(minute_of(suite.start())), settings_(settings_of(cell, rate)),
        insights_(settings_, cell.account, cell.region) {
    for (std::uint32_t id = 0; id < suite.series().size(); ++id) {
      const ActivitySuite::Series& series = suite.series()[id];
      if (series.account == cell.account && series.region == cell.region) ids_.emplace(std::pair(series.event_source, series.event_name), id);
    }
    event_.category = event::EventCategory::kManagement;
    event_.read_only = false;
    event_.aws_region = cell.region;
    event_.recipient_account_id = cell.account;
    insights_.set_watch([this](const detectors::Insights::Progress& progress) { rise(progress); });
  }

  std::vector<SuiteAlarm> run() {
    const std::span<const std::uint32_t> all(cell_.records);
    for (std::size_t from = 0, to = 0; from < all.size(); from = to) {
      const std::uint32_t minute = suite_.records()[all[from]].minute;
      while (to < all.size() && suite_.records()[all[to]].minute == minute) ++to;
      spread(all.subspan(from, to - from));
      play(start_minute_ + minute);
    }
    close_before(start_minute_ + suite_.minutes());
    return std::move(alarms_);
  }

 private:
  struct Call {
    const ActivityRecord* record;
    bool failed;
  };

  /// The calls of one minute by second; those of one second in the order of their records.
  void spread(std::span<const std::uint32_t> records) {
    for (auto& calls : by_second_) calls.clear();
    for (const std::uint32_t number : records) {
      const ActivityRecord& record = suite_.records()[number];
      for (std::uint32_t i = 0; i < record.calls; ++i) by_second_[static_cast<std::size_t>(record.second_of(i))].push_back({&record, record.failed(i)});
    }
  }

  void play(std::int64_t minute) {
    close_before(minute - kLatenessMinutes);
    for (std::size_t second = 0; second < by_second_.size(); ++second) {
      event_.event_time = Timestamp{std::chrono::minutes{minute} + std::chrono::seconds{second}};
      for (const Call& call : by_second_[second]) observe(call, minute);
    }
  }

  void observe(const Call& call, std::int64_t minute) {
    const ActivitySuite::Series& series = suite_.series()[call.record->series];
    const ActivitySuite::Principal& principal = suite_.principals()[call.record->principal];
    event_.event_source = series.event_source;
    event_.event_name = series.event_name;
    event_.error_code = call.failed ? std::string_view(suite_.error_codes()[call.record->error_code]) : std::string_view{};
    event_.user_identity.type_text = principal.type;
    event_.user_identity.type = event::parse_identity_type(principal.type);
    event_.user_identity.arn = principal.arn;
    insights_.observe(event_, minute, minute - kLatenessMinutes, emit_);
  }

  void close_before(std::int64_t minute) { insights_.close_before(minute, pass_, emit_); }

  void take(const event::Insight& insight) {
    const auto known = ids_.find(std::pair(insight.event_source, insight.event_name));
    TRAILWARDEN_CHECK(known != ids_.end(), "a cell speaks of the APIs that it was fed");
    const std::int64_t at = second_of(insight.decision_time, insight.early);
    const std::pair key(known->second, insight.error_code);
    if (insight.is_start) {
      open_[key] = alarms_.size();
      const double score = score_of(insight.false_alarms_per_week, insight.threshold);
      alarms_.push_back({.series = known->second, .metric = metric_of(insight), .start_s = at, .end_s = std::nullopt, .score = score, .rises = {{at, score}},
                         .is_upward = insight.is_upward, .channel = to_string(insight.decided_by)});
    } else if (const auto open = open_.find(key); open != open_.end()) {
      SuiteAlarm& alarm = alarms_[open->second];
      alarm.end_s = std::max(at, alarm.start_s);
      open_.erase(open);
    }
  }

  static std::string_view metric_of(const event::Insight& insight) {
    if (insight.type == event::InsightType::kApiErrorRate) return "errors";
    return insight.decided_by == event::DecidedBy::kGap || insight.decided_by == event::DecidedBy::k28Hours ? "silence" : "calls";
  }

  void rise(const detectors::Insights::Progress& progress) {
    const auto known = ids_.find(std::pair(std::string(progress.event_source), std::string(progress.event_name)));
    TRAILWARDEN_CHECK(known != ids_.end(), "a cell speaks of the APIs that it was fed");
    const auto open = open_.find(std::pair(known->second, std::string(progress.error_code)));
    if (open == open_.end()) return;
    // A minute closes long after calls of later ones were judged early: what is told is not in order of time.
    SuiteAlarm& alarm = alarms_[open->second];
    const std::pair told(second_of(progress.decided_at, progress.early), score_of(progress.false_alarms_per_week, progress.threshold));
    auto next = std::upper_bound(alarm.rises.begin(), alarm.rises.end(), told.first, [](std::int64_t second, const auto& rise) { return second < rise.first; });
    if (next != alarm.rises.begin() && std::prev(next)->second >= told.second) return;
    next = alarm.rises.insert(next, told) + 1;
    alarm.rises.erase(next, std::find_if(next, alarm.rises.end(), [&](const auto& rise) { return rise.second > told.second; }));
    alarm.score = std::max(alarm.score, told.second);
  }

  /// Since the suite's start. What closing decides is known when its minute is over.
  std::int64_t second_of(Timestamp decided_at, bool early) const { return (decided_at - suite_.start()).count() + (early ? 0 : 60); }

  double score_of(double false_alarms, double threshold) const {
    const double share = false_alarms / threshold;
    return -std::log10(rate_ * (std::isfinite(share) ? std::clamp(share, 1e-200, 1.0) : 1.0));
  }

  const ActivitySuite& suite_;
  const SuiteCell& cell_;
  const double rate_;
  const std::int64_t start_minute_;  // since 1970
  const detectors::InsightsSettings settings_;
  detectors::Insights insights_;
  baseline::MinutePass pass_;
  const detectors::Insights::Emit emit_ = [this](const event::Insight& insight) { take(insight); };
  std::map<std::pair<std::string, std::string>, std::uint32_t> ids_;  // by source and name
  std::map<std::pair<std::uint32_t, std::string>, std::size_t> open_;  // numbers of alarms, by series and error code
  event::CloudTrailEvent event_;
  std::array<std::vector<Call>, 60> by_second_;
  std::vector<SuiteAlarm> alarms_;
};

}  // namespace

std::string SuiteAlarm::line() const {
  std::string reached;
  for (const auto& [second, value] : rises) reached += fmt::format("{}[{},{:.6f}]", reached.empty() ? "" : ",", second, value);
  return fmt::format(R"({{"series_id":{},"metric":"{}","start_s":{},"end_s":{},"score":{:.6f},"direction":"{}","channel":"{}","rises":[{}]}})"
                     "\n",
                     series, metric, start_s, end_s ? std::to_string(*end_s) : "null", score, is_upward ? "up" : "down", channel, reached);
}

double rate_of(double false_insights_per_week, std::size_t apis) { return false_insights_per_week / (2 * static_cast<double>(apis)); }

std::vector<SuiteCell> cells_of(const ActivitySuite& suite) {
  std::map<std::string, std::size_t> apis;
  std::map<std::pair<std::string, std::string>, std::size_t> numbers;
  std::vector<SuiteCell> cells;
  std::vector<std::size_t> cell_of;  // by series
  for (const ActivitySuite::Series& series : suite.series()) {
    ++apis[series.account];
    const auto [number, is_new] = numbers.try_emplace(std::pair(series.account, series.region), cells.size());
    if (is_new) cells.push_back({series.account, series.region});
    ++cells[number->second].apis;
    cell_of.push_back(number->second);
  }
  for (SuiteCell& cell : cells) {
    cell.apis_of_account = apis[cell.account];
  }
  for (std::size_t i = 0; i < suite.records().size(); ++i) cells[cell_of[suite.records()[i].series]].records.push_back(static_cast<std::uint32_t>(i));
  return cells;
}

std::vector<SuiteAlarm> judge_cell(const ActivitySuite& suite, const SuiteCell& cell, double rate) { return Play(suite, cell, rate).run(); }

}  // namespace trailwarden::app
