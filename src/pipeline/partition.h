#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"
#include "core/time.h"
#include "detectors/silence.h"
#include "pipeline/judge_tools.h"
#include "pipeline/shard.h"
#include "pipeline/silence_voice.h"
#include "pipeline/state_file.h"
#include "pipeline/watermark.h"
#include "stream/log.h"

namespace trailwarden::pipeline {

/// What became of the records of a range of offsets. Always read == judged + duplicate + refused + skipped.
struct RangeCounts {
  std::uint64_t read = 0, judged = 0, duplicate = 0, refused = 0, skipped = 0;
  std::uint64_t late = 0;       // among the judged
  std::uint64_t misrouted = 0;  // of cells whose key belongs to another partition
  void add(const RangeCounts& other);
  bool operator==(const RangeCounts&) const = default;
};

/// What judging brought, waiting for its commit.
struct PartitionOutput {
  std::vector<Alert> alerts;
  std::vector<stream::Outgoing> others;  // dead letters and copies of late records, in log order
  RangeCounts counts;

  void clear() {
    alerts.clear();
    others.clear();
    counts = {};
  }
};

/// What the partitions of a service share.
struct PartitionSettings {
  CellSettings cells;
  std::chrono::seconds future_skew{};
  std::chrono::seconds tick_grace{900};  // a tick stands for the watermark of its time less lateness less this
  bool keep_late = false;  // copies of late records go to their topic
};

/// All that is known of one partition of the log: its watermark and its cells. A pure function of the partition's messages and ticks, and of the
/// settings: neither commits nor batches, threads or the wall clock can show.
///
/// Unlike a replay it lets every record be judged when it comes. Every cell advances with the record, or the tick, that moves the watermark into another
/// minute. Owned by one thread; no locks.
class Partition {
 public:
  /// `number` of `partitions`: which records belong here. One partition, or an unknown number (0): all of them.
  Partition(const PartitionSettings& settings, std::int32_t number, std::int32_t partitions)
      : settings_(settings), number_(number), partitions_(partitions), watermark_(settings.cells.lateness, settings.future_skew), shard_(settings.cells) {
    change_silence();
  }

  /// Judges a message's records, in log order. A null value holds none: it counts as one that is skipped.
  void judge(const stream::Message& message, JudgeTools& tools, Counting& counting, PartitionOutput& output);

  /// Takes a message that an operator took out of the way: whole to the dead letters, with the reason `skipped_by_operator`.
  void skip(const stream::Message& message, JudgeTools& tools, Counting& counting, PartitionOutput& output);

  /// The log's clock: nothing from before `watermark` is awaited any more. False, and nothing happens, if that was known.
  bool tick(Timestamp watermark, JudgeTools& tools, Counting& counting, PartitionOutput& output);

  /// Takes cells from elsewhere in, of those that belong here the ones that it does not have, or all of them with `replace`. How many; kMalformed names the cell
  /// that cannot be read. Its own watermark stays: each cell has a clock of its own, and what is older than that is late for it.
  Result<std::size_t> bring(const SavedCells& cells, bool replace);

  /// `Cell::forget` of every cell, and what silences know: places in all.
  std::size_t forget(const event::ForgottenPrincipal& principal) { return shard_.forget(principal) + (silence_ ? silence_->forget(principal) : 0); }

  /// The settings have other detectors, or suppressions, from here on: see `Cell::change_detectors`.
  void change_detectors(std::span<const detectors::ConfiguredDetector> before) { shard_.change_detectors(before); }
  /// The settings of Insights or silences have changed: see `Cell::change_insights`. Silences too are forgotten where they are switched off.
  void change_insights() {
    shard_.change_insights();
    change_silence();
  }

  Timestamp watermark() const { return watermark_.value(); }
  const Shard& cells() const { return shard_; }
  /// Null where silences are not looked for.
  const detectors::Silence* silence() const { return silence_ ? &*silence_ : nullptr; }

  /// Everything that a later judgement depends on. Equal states give equal bytes. `load` takes it into a fresh partition; kMalformed with where and why,
  /// and then the partition is of no use.
  std::string save() const;
  Result<void> load(std::string_view bytes);

 private:
  class Sink;

  void change_silence();
  Result<void> load_silence(ByteReader& in);
  SilenceVoice silence_to(Totals& totals, std::vector<Alert>& alerts);
  bool is_misrouted(const std::string& cell) const;

  const PartitionSettings& settings_;
  const std::int32_t number_, partitions_;
  Watermark watermark_;
  Shard shard_;
  std::optional<detectors::Silence> silence_;
  event::Arena arena_;
  Slot slot_;
  bool misrouted_ = false;  // the cell of the record before
};

}  // namespace trailwarden::pipeline
