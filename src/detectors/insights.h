#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "baseline/cell_baseline.h"
#include "baseline/space_saving.h"
#include "core/bytes.h"
#include "core/result.h"
#include "detectors/insights_config.h"
#include "event/cloudtrail_event.h"
#include "event/forgotten_principal.h"
#include "event/insight.h"

namespace trailwarden::detectors {

/// What a run's cells share.
struct InsightsSettings {
  InsightsConfig config;
  std::size_t open_minutes = 18;
};

/// Names the constants of the model: what was learned with others is something else.
std::string model_of_insights();

/// What a channel (`baseline::Evidence::channel`) is in an Insight, which way whatever it looks.
event::DecidedBy kind_of(std::size_t channel);

/// CloudTrail Insights of one (account, Region): call rates of write APIs (of every API for data events) and error rates by code, against baselines
/// learned here. A Start leaves with the call that crosses the line; an End when the minute closes at which it is certain.
///
/// Unlike a `Detector` it sees every record on arrival, and judges minutes that are still open. Not thread-safe. Time: event time and the watermark.
class Insights {
 public:
  using Emit = std::function<void(event::Insight)>;

  /// How unusual what goes on is by now: A, expected false alarms a week of such a series; told when it has become so within an open minute, and when minutes close.
  struct Progress {
    std::string_view event_source, event_name, error_code;
    baseline::Direction direction = baseline::Direction::kUp;
    double false_alarms_per_week = 0, threshold = 0;
    Timestamp decided_at{};
    bool early = false;
  };
  using Watch = std::function<void(const Progress&)>;
  /// `watch` hears of open incidents from now on; nothing that is emitted or saved depends on it.
  void set_watch(Watch watch) { watch_ = std::move(watch); }

  Insights(const InsightsSettings& settings, std::string_view account, std::string_view region);
  ~Insights();

  /// One record that is no repeat, at its (clamped) event time. `open_from`: the minute of the watermark; the record is late if it lies before.
  void observe(const event::CloudTrailEvent& event, std::int64_t minute, std::int64_t open_from, const Emit& emit);

  /// Closes the minutes before `minute`. `kEnd`: closes every minute that has calls; incidents that are open then stay open.
  void close_before(std::int64_t minute, baseline::MinutePass& pass, const Emit& emit);
  static constexpr std::int64_t kEnd = INT64_MAX;

  /// The settings that this was made with have become others; see `CellBaseline::follow`.
  void follow_settings();

  /// See `CellBaseline::freeze`.
  void freeze(std::int64_t from, std::int64_t until) { baseline_.freeze(from, until); }

  /// Why something was said of one minute of one series, or why not (`CellBaseline::explain`).
  struct Why {
    baseline::SeriesId series;
    bool is_open = false;          // the minute
    baseline::Explanation now;     // upwards: of an open minute as it stands, of a closed one as far as it is known
    std::optional<baseline::Explanation> closing;  // of an open minute: what its closing comes to if no more calls come. It decides
    bool is_start = false;         // and it would be, or an open minute's call was, a Start now
    std::optional<std::uint32_t> calls_to_alarm;
    baseline::CellBaseline::Standing standing;
    bool is_incident = false;      // a Start was said, and its End not yet
    event::Insight insight;        // what would be said of it: who contributed, the reported baseline
  };
  /// The minute is one of `baseline().known_minutes()`. Takes a copy of the cell where the minute is open.
  Result<Why> explain(baseline::SeriesId series, std::int64_t minute, baseline::MinutePass& pass) const;

  const baseline::CellBaseline& baseline() const { return baseline_; }
  std::size_t rows() const { return baseline_.rows(); }
  std::size_t open_incidents() const;
  std::size_t memory_bytes() const;

  /// Calls of a principal become calls of `kForgotten`: none is counted less. How many places named it.
  std::size_t forget(const event::ForgottenPrincipal& principal);
  static constexpr std::string_view kForgotten = "(forgotten)";

  /// Everything that a later judgement or its words depend on (docs/baseline.md, "Saved form"). Equal states give equal bytes.
  void save(ByteWriter& out) const;
  /// Into a fresh instance of the same account and Region; the settings may be others. From then on it is as if it had never stopped. kMalformed
  /// says what is wrong and where, and leaves the instance unusable.
  Result<void> load(ByteReader& in);

 private:
  /// Texts that sketches count, each kept once, while something refers to it.
  class Texts;
  static constexpr std::size_t kDimensions = 3;  // userIdentityArn, userAgent, errorCode
  static constexpr std::size_t kCounters = 32;
  using Sketch = baseline::SpaceSaving<std::uint32_t>;
  using Sketches = std::array<Sketch, kDimensions>;
  using Values = std::array<std::uint32_t, kDimensions>;

  struct Incident;
  struct Pending;
  struct Recent;
  class Saving;
  class Loading;

  void remember(baseline::SeriesId series, const event::CloudTrailEvent& event, const Values& values, std::int64_t minute);
  void handle(Timestamp decided_at, const Emit& emit);
  Incident incident_of(const baseline::Verdict& verdict) const;
  void start(const baseline::Verdict& verdict, Timestamp decided_at, const Emit& emit);
  std::vector<event::RateSpan> history(const baseline::Verdict& verdict) const;
  void end(const baseline::Verdict& verdict, Timestamp decided_at, const Emit& emit);
  void close_minute(std::int64_t minute, const Emit& emit);
  void make_room();
  void measure(Incident& incident, std::int64_t from) const;
  void confirm(const baseline::Verdict& verdict);
  void tell(const baseline::Verdict& verdict, Timestamp decided_at) const;
  void feed_sketches(std::int64_t minute);
  void forget_texts();
  std::vector<bool> texts_in_use() const;
  std::pair<std::int64_t, std::int64_t> kept_minutes() const;
  static Sketches fresh_sketches();
  std::uint64_t order_of(const Values& values) const;
  Recent& recent_of(std::uint64_t series);
  Values values_of(const event::CloudTrailEvent& event);
  std::vector<event::Attribution> attributions(const Incident& incident) const;
  event::Insight insight_of(const Incident& incident, const baseline::Verdict& verdict, Timestamp decided_at) const;
  std::string sentence_of(const event::Insight& insight, const std::vector<event::Attribution>& attributions) const;
  std::vector<Pending>& pending_of(std::int64_t minute);
  const std::vector<Pending>& pending_of(std::int64_t minute) const;

  const InsightsSettings& settings_;
  const std::string account_, region_;
  std::unique_ptr<const baseline::BaselineSettings> baseline_settings_;  // where the baseline finds them when this moves
  baseline::CellBaseline baseline_;
  std::unique_ptr<Texts> texts_;
  std::map<baseline::SeriesId, Incident> incidents_;
  std::vector<std::vector<Pending>> pending_;  // by minute mod its size: calls of open minutes and of the last closed ones
  std::unordered_map<std::uint64_t, Sketches> baselines_;  // by series
  std::vector<Recent> recent_;  // ids of the last records of a series
  baseline::RowIndex recent_index_;
  std::string caller_;  // scratch
  std::vector<baseline::Verdict> verdicts_;
  Watch watch_;
};

}  // namespace trailwarden::detectors
