#pragma once

#include "detectors/silence.h"

// What `Silence` remembers, each saved on its own. For silence.cc and saved_silence.cc.
namespace trailwarden::detectors {

/// One account-Region.
struct Silence::Region {
  Region(std::string account_id, std::string region_name, std::uint64_t key) : account(std::move(account_id)), name(std::move(region_name)), row(key) {}

  const std::string account, name;
  baseline::RegionRow row;
  baseline::DelayHistogram delays;
  std::int64_t bound = baseline::DelayHistogram::kLeastBound;  // D, as of the last minute [min]
  Timestamp newest = kBeginningOfTime;  // e: event time of its newest record
  event::Evidence last;                 // that record
  baseline::Quietness look;             // of the last minute
  Timestamp excused_from = kEndOfTime, excused_until = kBeginningOfTime;  // the last silence: how late its records are is no measure for others
  bool suspicious = false;
  std::int64_t frozen_from = 0, frozen_until = 0;  // what its cell was told last

  /// A silence that is no chance.
  struct Silent {
    std::int64_t since = 0;  // minute of the log's clock in which that became clear
    Timestamp from{};        // event time of the record before
    baseline::Quietness look;
    std::optional<SilenceVerdict> candidate;
    std::int64_t candidate_since = 0;
    std::optional<Timestamp> back;  // event time of the earliest record behind `from`
    bool filled = false;     // records of the time came, later than is usual
    bool explained = false;  // that a trail stopped was taken back: nothing more to say
    std::uint64_t told = 0;  // the finding; 0: none

    void save(ByteWriter& out) const;
    Result<void> load(ByteReader& in);
  };
  std::optional<Silent> silent;

  /// The last stop of a trail that is over: late records may still show that it was none.
  struct Past {
    Timestamp from{}, to{};
    std::int64_t until = 0;  // minute of the log's clock up to which that is of interest
    std::string id;          // `SilenceFacts::id`

    void save(ByteWriter& out) const;
    void load(ByteReader& in);
  };
  std::optional<Past> past;

  /// Without its names.
  void save(ByteWriter& out) const;
  Result<void> load(ByteReader& in);
};

/// One finding that is not over.
struct Silence::Told {
  SilenceVerdict verdict;
  std::string account, region;  // of the first account-Region
  event::Evidence last;         // its newest record before
  std::optional<event::Evidence> stop_call;
  std::string stopped_by;
  event::SilenceFacts facts;
  std::uint64_t members = 0;  // that are still silent
  std::chrono::seconds longest_delay{};  // of records that came late

  bool concerns(const Region& one) const { return detectors::concerns(verdict.scope, account, region, one.account, one.name); }

  void save(ByteWriter& out) const;
  Result<void> load(ByteReader& in);
};

/// A call that stopped an account's logging, or the management events of it.
struct Silence::StopCall {
  Timestamp time{};
  event::Evidence evidence;
  std::string by;  // "user mallory called StopLogging"

  void save(ByteWriter& out) const;
  void load(ByteReader& in);
};

}  // namespace trailwarden::detectors
