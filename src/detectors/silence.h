#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "baseline/delay_histogram.h"
#include "baseline/region_row.h"
#include "core/bytes.h"
#include "core/result.h"
#include "detectors/detector.h"
#include "detectors/insights_config.h"
#include "detectors/silence_cause.h"
#include "detectors/silence_config.h"
#include "event/cloudtrail_event.h"
#include "event/finding.h"
#include "event/forgotten_principal.h"

namespace trailwarden::detectors {

/// Where it goes what `Silence` finds.
class SilenceOutput {
 public:
  virtual ~SilenceOutput() = default;
  /// A finding, about this account and Region before others.
  virtual void say(event::Finding finding, std::string_view account, std::string_view region) = 0;
  /// The account-Region is suspiciously silent in the minutes [from, until), as far as is known now: nothing is to be learned from them, or said of what single APIs lack
  /// in them. Replaces what was said of it before.
  virtual void freeze(std::string_view account, std::string_view region, std::int64_t from, std::int64_t until) = 0;
};

/// Notices that whole account-Regions of a partition record nothing any more, and says why: the trail stopped, or records are late. (That one API stopped
/// while its account-Region lives is for `Insights` to say.)
///
/// It goes by the log's clock: the largest append time of any record or tick. Where records have none, the newest event time stands for it. While that clock stands
/// still nothing is concluded; what it jumped over, other than by ticks, was no silence. Each minute of it, what happened D earlier should be here (D twice the
/// 99th percentile of the account-Region's own delays, at least 15 minutes); if nothing is, its row is looked at as if these minutes had closed empty:
///
///   suspicious   S >= 5 nats: its APIs are frozen
///   silent       A <= alpha, and longer than its past silences explain: a cause is chosen (`cause_of_silence`), and told once it has held for five minutes
///   returned     a record newer than D ago is here: over. Late records that fill the span mean that it was a lag, whatever was said
///
/// Several account-Regions that one cause explains are one finding. Cost: a few nanoseconds a record; about 1 us an account-Region and minute.
/// Memory: about 2 kB an account-Region. A pure function of records, append times and ticks. Not thread-safe.
/// Source: docs/baseline.md, "Silence"; docs/decisions/0013.
class Silence {
 public:
  static constexpr std::string_view kName = "silence";
  /// What it says of itself in `detectors list`. Its options stand in `silence:`, not among those of `detectors:`.
  static const DetectorInfo& info();

  Silence(const SilenceConfig& config, const InsightsConfig& insights);
  ~Silence();

  /// From here on these settings hold; what was told stays told until it is over.
  void follow(const SilenceConfig& config, const InsightsConfig& insights);

  /// One record, repeat or not, at its (clamped) event time. `cell`: `event::cell_hash` of its account and Region. `log_time`: when it was appended; or the newest event time.
  void observe(const event::CloudTrailEvent& event, std::uint64_t cell, Timestamp time, Timestamp log_time, baseline::MinutePass& pass, SilenceOutput& output);

  /// A tick: the log's clock shows `log_time`, and no record before it is to come. Ticks may be left out if a later one follows, before any record.
  void tick(Timestamp log_time, baseline::MinutePass& pass, SilenceOutput& output);

  /// The minute that the log's clock is in; INT64_MIN before any record.
  std::int64_t minute() const { return minute_; }

  /// Forgets the calls of a principal that stopped logging; how many places that were. Calls of which nobody knows whose they were go too.
  std::size_t forget(const event::ForgottenPrincipal& principal);

  /// Says again what is frozen: to cells that come from elsewhere.
  void freeze_again(SilenceOutput& output) const;

  /// What is wrong now, for metrics: account-Regions that are suspiciously silent; and findings that are not over.
  std::size_t suspicious() const;
  std::size_t open_findings() const { return told_.size(); }
  std::size_t memory_bytes() const;

  /// Everything that a later judgement depends on. Equal states give equal bytes.
  void save(ByteWriter& out) const;
  /// Into a fresh instance; then `freeze`s again what was frozen. kMalformed leaves it unusable.
  Result<void> load(ByteReader& in, SilenceOutput& output);

 private:
  struct Region;
  struct Told;
  struct StopCall;
  using Name = std::pair<std::string, std::string>;

  Region& region_of(std::uint64_t cell, std::string_view account, std::string_view region);
  static void keep_newest(Region& region, const event::CloudTrailEvent& event, Timestamp time);
  void note_stop(const event::CloudTrailEvent& event, Timestamp time);
  bool is_usual(const Region& region, Timestamp time) const;
  void note_late(Region& region, Timestamp time, std::chrono::seconds delay, SilenceOutput& output);
  void step(std::int64_t minute, baseline::MinutePass& pass, SilenceOutput& output);
  void look_at(Region& region, baseline::MinutePass& pass, SilenceOutput& output);
  const StopCall* stop_call_of(const Region& region) const;
  SilenceVerdict verdict_on(const Region& region);
  const std::vector<bool>& due_after(std::int64_t minutes);
  void explain(Region& region, SilenceOutput& output);
  void tell(Region& region, const SilenceVerdict& verdict, SilenceOutput& output);
  void untell(Region& region, std::string_view reclassified, SilenceOutput& output);
  void end(Region& region, SilenceOutput& output);
  event::Finding finding_of(const Told& told, const Region& region, std::string_view what) const;

  SilenceConfig config_;
  double alpha_;  // of an account-Region [1/week]
  std::map<Name, std::unique_ptr<Region>> regions_;
  std::unordered_multimap<std::uint64_t, Region*> by_cell_;
  Region* last_ = nullptr;  // of the record before
  std::map<std::uint64_t, Told> told_;  // findings that are not over, by number
  std::uint64_t next_told_ = 1;
  std::map<std::string, StopCall, std::less<>> stop_calls_;  // by account: the newest
  std::int64_t minute_ = INT64_MIN;
  std::int64_t late_seen_ = INT64_MIN;  // minute in which a record came that was later than is usual for its account-Region
  baseline::RegionRow::Pause pause_;    // of the log's clock
  std::map<std::int64_t, std::vector<bool>> due_;  // scratch of one minute: which account-Regions would be noticed after so many minutes, in their order
};

}  // namespace trailwarden::detectors
