#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/section.h"
#include "core/bytes.h"
#include "core/result.h"
#include "event/finding.h"
#include "event/forgotten_principal.h"

namespace trailwarden::detectors {

/// One option of a detector, as `detectors list`, the reference page, the config schema and `config show` present it.
struct OptionInfo {
  std::string_view name;
  std::string_view type;           // "boolean", "integer", "duration", "severity", "list of strings", ... : what the schema says
  std::string_view unit;           // "calls", "" where it has none
  std::string_view default_value;  // as YAML
  std::string_view claim;          // one line: what it changes
};

/// What a detector says of itself. All text is literal.
struct DetectorInfo {
  std::string_view name;   // snake_case: config key, metric label, alert field
  std::string_view claim;  // one line
  std::string_view needs;  // which records it must see to work
  std::span<const OptionInfo> options;
  std::span<const std::string_view> blind_spots;
  std::string_view source;  // what it is based on
  std::span<const std::string_view> behaviours = {};  // that it tells of; rules of the same ones rest while it is enabled
};

/// What a correlation keeps now, and what it had to let go of so far.
struct CorrelationUse {
  std::uint64_t groups = 0;           // it knows now
  std::uint64_t late = 0;             // matches behind the watermark
  std::uint64_t evicted_groups = 0;   // for want of room
  std::uint64_t dropped_matches = 0;  // for want of room in their group
  std::uint64_t cut_searches = 0;     // for sequences, that became too long

  void add(const CorrelationUse& other) {
    for (const auto count : {&CorrelationUse::groups, &CorrelationUse::late, &CorrelationUse::evicted_groups, &CorrelationUse::dropped_matches, &CorrelationUse::cut_searches})
      this->*count += other.*count;
  }
  bool operator==(const CorrelationUse&) const = default;
};

/// Judges the records of one cell, that is one (account, Region).
///
/// An instance holds the state of its cell and nothing else, so a cell is saved, moved and restored without the others. It runs on
/// the thread that owns the cell's shard: no locks. Time is event time and the watermark; nothing else may be asked for the time.
class Detector {
 public:
  virtual ~Detector() = default;

  /// Whether `observe` would do anything with this record. Called for every record, so: a few nanoseconds, no allocation. What it found out may be kept on
  /// its thread for the `observe` that follows: no other record is asked about between the two.
  virtual bool wants(const event::CloudTrailEvent& event) const = 0;

  /// Judges one record that it wants, and remembers what later judgements need. Records come in the order of arrival or, in a
  /// replay that settles (`time.order: event_time`), of event time; a late one (`event.late`) may come at any time.
  virtual void observe(const event::CloudTrailEvent& event, event::Emit& emit) = 0;

  /// Says that no record before `watermark` is awaited any more: closes windows, forgets. Monotone.
  virtual void advance(Timestamp watermark, event::Emit& emit) = 0;

  /// Everything that a later judgement depends on; `load` takes what `save` of the same version wrote, into a fresh instance.
  virtual void save(ByteWriter& out) const = 0;
  virtual Result<void> load(ByteReader& in) = 0;

  /// Forgets whatever it knows of a principal of `account`; how many places that were. What names nobody has nothing to forget.
  virtual std::size_t forget(const event::ForgottenPrincipal& /*principal*/, std::string_view /*account*/) { return 0; }

  /// What it keeps for each of its correlations, by the rule's id.
  virtual std::vector<std::pair<std::string_view, CorrelationUse>> correlations() const { return {}; }

  /// Heap and own bytes of this instance.
  virtual std::size_t memory_bytes() const = 0;
};

/// A detector with its options read: makes the instance for each cell.
struct ConfiguredDetector {
  const DetectorInfo* info = nullptr;
  std::chrono::seconds quiet_for{};  // repeats of (entity, what) inside it fold into the first finding
  std::vector<std::pair<std::string, std::string>> effective;  // every option with its value as YAML, for `config show`
  std::function<std::unique_ptr<Detector>()> make;
};

}  // namespace trailwarden::detectors
