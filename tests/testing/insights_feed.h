#pragma once

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/insight_record.h"
#include "detectors/insights.h"

namespace trailwarden::event {
inline void PrintTo(const Insight& insight, std::ostream* out) {
  *out << (insight.is_start ? "Start " : "End ") << format_time(insight.event_time) << " decided " << format_time(insight.decision_time) << " by "
       << to_string(insight.decided_by) << ": " << insight.sentence << " X " << insight.observed << " M " << insight.expected << " S " << insight.score << " A "
       << insight.false_alarms_per_week << " of " << insight.threshold;
}
}  // namespace trailwarden::event

namespace trailwarden::testing {

/// One call, of which a test says only what matters.
struct FeedCall {
  std::string_view event_source = "ec2.amazonaws.com", event_name = "RunInstances", error_code = {};
  bool read_only = false, is_data = false;
  std::string_view arn = "arn:aws:iam::111111111111:user/alice", user_agent = "aws-cli/2.15";
  std::string_view id = {};  // of the record; empty: a number of its own
};

/// The Insights of one account and Region, fed with calls directly: records of their own are made from `FeedCall`s, and the watermark follows
/// 15 minutes behind.
class InsightsFeed {
 public:
  explicit InsightsFeed(detectors::InsightsConfig config = {}, std::int64_t lateness_minutes = 15, std::size_t max_rows = 20'000)
      : lateness_(lateness_minutes), settings_{with_most(std::move(config), max_rows), static_cast<std::size_t>(lateness_minutes) + 3},
        insights_(settings_, "111111111111", "eu-west-1") {}

  std::string saved() const {
    ByteWriter out;
    insights_.save(out);
    return std::move(out).bytes();
  }
  /// Goes on, in this fresh feed, from what `before` saved.
  Result<void> restore(std::string_view bytes, const InsightsFeed& before) {
    newest_ = before.newest_;
    ids_ = before.ids_;
    ByteReader in(bytes);
    return insights_.load(in).and_then([&] { return in.finish(); });
  }

  /// Other settings from here on, with as many rows and open minutes as before.
  void follow(detectors::InsightsConfig config) {
    settings_.config = with_most(std::move(config), settings_.config.max_series);
    insights_.follow_settings();
  }

  /// `count` calls at `second` seconds since 1970.
  void call(std::int64_t second, const FeedCall& call = {}, int count = 1) {
    event::CloudTrailEvent event;
    event.event_time = Timestamp{std::chrono::seconds{second}};
    event.event_source = call.event_source;
    event.event_name = call.event_name;
    event.error_code = call.error_code;
    event.read_only = call.read_only;
    event.category = call.is_data ? event::EventCategory::kData : event::EventCategory::kManagement;
    event.user_identity.arn = call.arn;
    event.user_agent = call.user_agent;
    for (int i = 0; i < count; ++i) {
      newest_ = std::max(newest_, second);
      const std::string id = std::to_string(++ids_);
      event.event_id = call.id.empty() ? std::string_view(id) : call.id;
      advance();
      insights_.observe(event, minute_of(event.event_time), watermark_minute(), emit());
    }
  }

  /// Calls at the beginning of `minute`.
  void minute(std::int64_t minute, const FeedCall& what = {}, int count = 1) { call(minute * 60, what, count); }

  /// Closes everything before `minute`.
  void close_before(std::int64_t minute) {
    newest_ = std::max(newest_, (minute + lateness_) * 60);
    advance();
  }
  void finish() { insights_.close_before(detectors::Insights::kEnd, pass_, emit()); }

  const std::vector<event::Insight>& said() const { return said_; }
  std::vector<event::Insight> starts() const {
    std::vector<event::Insight> out;
    std::copy_if(said_.begin(), said_.end(), std::back_inserter(out), [](const auto& insight) { return insight.is_start; });
    return out;
  }
  const detectors::Insights& insights() const { return insights_; }

 private:
  static detectors::InsightsConfig with_most(detectors::InsightsConfig config, std::size_t max_series) {
    config.max_series = max_series;
    return config;
  }
  std::int64_t watermark_minute() const { return (newest_ - lateness_ * 60) / 60; }
  void advance() { insights_.close_before(watermark_minute(), pass_, emit()); }
  detectors::Insights::Emit emit() {
    return [this](event::Insight insight) { said_.push_back(std::move(insight)); };
  }

  std::int64_t lateness_;
  detectors::InsightsSettings settings_;
  detectors::Insights insights_;
  baseline::MinutePass pass_;
  std::vector<event::Insight> said_;
  std::int64_t newest_ = INT64_MIN / 4, ids_ = 0;
};

}  // namespace trailwarden::testing
