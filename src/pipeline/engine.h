#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "detectors/detector.h"
#include "ingest/record_reader.h"
#include "pipeline/cell.h"
#include "pipeline/conveyor.h"
#include "pipeline/shard.h"
#include "pipeline/totals.h"
#include "pipeline/silence_voice.h"
#include "pipeline/watermark.h"
#include "stream/log.h"

namespace trailwarden::pipeline {

struct EngineOptions {
  std::size_t threads = 1;
  std::size_t shards = 64;
  std::chrono::seconds lateness = std::chrono::minutes{15};
  std::chrono::seconds future_skew = std::chrono::minutes{2};
  bool settle = true;  // detectors see records in event-time order, once their minute closes (`time.order: event_time`)
  std::size_t max_record_bytes = std::size_t{1} << 20;
  std::size_t max_message_bytes = 1'000'000;
  detectors::InsightsConfig insights;
  detectors::SilenceConfig silence;
  detectors::Suppressions suppressions;
  std::optional<Timestamp> since, until;  // records from before / from then on are skipped
  bool keep_open = false;  // the end of the input is not the end of time: minutes stay open, records wait, and `save` gives all of it
};

/// What the surroundings want to hear of a run. Called by one thread at a time, in log order.
class EngineObserver {
 public:
  virtual ~EngineObserver() = default;
  /// A record was refused. `origin` and `raw` are views into the batch.
  virtual void refused(event::Refusal, std::string_view /*origin*/, std::uint64_t /*record_number*/, std::uint64_t /*byte_offset*/,
                       std::string_view /*detail*/) {}
  /// A batch is committed: totals of reading and decoding so far.
  virtual void committed(const Totals& /*so_far*/) {}
};

/// The pass: log -> decode -> shard -> commit, on `threads` threads.
///
/// Output is a function of the log and the options without `threads` and `shards`: batches, and with them commits, are cut by the log
/// alone; alerts of a commit are sorted by (decision time, id).
class Engine final : private Stations {
 public:
  Engine(stream::Log& log, EngineOptions options, std::vector<detectors::ConfiguredDetector> detectors, EngineObserver& observer);
  ~Engine() override;

  /// Begins with cells of another run, before `run`: with `keep_open` there, and the same options, it goes on as if it had never stopped. Cells of several
  /// runs go on from where the one that is furthest behind was. kMalformed names the cell that cannot be read.
  Result<void> load(const SavedCells& cells);

  /// Runs to the end of the log, or until `stop` is set: then what was read is judged and committed, and the run ends as if the log did.
  Result<Totals> run(const std::atomic<bool>& stop);

  /// Between what `load` ended with and the first record of the run, if that is more than the lateness: it counts as time without calls.
  struct Break {
    Timestamp from{}, to{};
  };
  std::optional<Break> break_before() const;

  /// Every cell, after a run that kept open what was.
  SavedCells save() const;
  /// Calls `visit(cell)` for each, in no particular order.
  template <class Visit>
  void each_cell(Visit visit) const {
    for (const Shard& shard : shards_) shard.each_cell(visit);
  }

 private:
  struct Worker;        // one thread's decoder, reader and counts
  class DecodeSink;

  void read(Batch& batch) override;
  void decode(Batch& batch, std::size_t thread) override;
  void seal(Batch& batch) override;
  void judge(Batch& batch, std::size_t thread) override;
  void commit(Batch& batch) override;

  void watch_for_silence(Batch& batch);
  void write_notice(const Batch& batch, const Notice& notice);
  std::size_t owner_of(std::uint64_t cell) const { return (cell % options_.shards) % options_.threads; }

  stream::Log& log_;
  const EngineOptions options_;
  EngineObserver& observer_;
  CellSettings cell_settings_;
  std::vector<Shard> shards_;
  std::vector<std::unique_ptr<Worker>> workers_;

  // Reading only.
  const std::atomic<bool>* stop_ = nullptr;
  std::optional<Error> read_error_;
  // Sealing only.
  Watermark watermark_;
  std::optional<detectors::Silence> silence_;
  baseline::MinutePass silence_pass_;
  Totals sealed_;  // what silences said
  std::optional<Timestamp> loaded_until_, first_record_;
  std::vector<std::uint64_t> records_of_origin_;  // by origin id
  // Committing only.
  Totals totals_;
  std::vector<stream::Position> positions_;
  std::optional<Error> write_error_;
  std::atomic<bool> cannot_write_ = false;  // nothing more is worth reading
};

}  // namespace trailwarden::pipeline
