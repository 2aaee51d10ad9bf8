#pragma once

#include <string>
#include <vector>

#include "event/cell_name.h"
#include "event/decoder.h"
#include "ingest/record_reader.h"
#include "pipeline/cell.h"
#include "pipeline/totals.h"

namespace trailwarden::pipeline {

/// Which cell a record belongs to. Records come in runs of one cell: its name and hash are kept from one to the next.
class CellNamer {
 public:
  /// True if it is another cell than the last one's.
  bool take(const event::CloudTrailEvent& event) {
    const std::string_view account = event.account(), region = event.region();
    if (name_.size() == account.size() + 1 + region.size() && name_.starts_with(account) && name_.ends_with(region) && name_[account.size()] == '/') return false;
    name_.assign(account).append("/").append(region);
    hash_ = event::cell_hash(name_);
    return true;
  }
  const std::string& name() const { return name_; }
  std::uint64_t hash() const { return hash_; }

 private:
  std::string name_;
  std::uint64_t hash_ = 0;
};

/// Counts of judging. Its detectors' places are kept at hand; so it stays where it is.
struct Counting {
  explicit Counting(const CellSettings& settings) { follow(settings); }
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;

  /// Counts for these detectors from now on.
  void follow(const CellSettings& settings) {
    by_detector.clear();
    for (const detectors::ConfiguredDetector& detector : settings.detectors) by_detector.push_back(&totals.detectors[detector.info->name]);
  }

  /// Sets every count to 0.
  void clear() {
    auto detectors = std::move(totals.detectors);  // keeps its nodes, which `by_detector` points to
    totals = {};
    totals.detectors = std::move(detectors);
    for (auto& [name, detector] : totals.detectors) detector = {};
  }

  Totals totals;
  std::vector<DetectorTotals*> by_detector;
};

/// What one thread decodes and judges with, whatever the cell. Not thread-safe.
struct JudgeTools {
  explicit JudgeTools(const CellSettings& settings) : reader({settings.max_record_bytes}), judge_decoder({settings.max_record_bytes}) {}

  CellOutput output(std::vector<Alert>& alerts, Counting& counting) {
    return {judge_decoder, judge_arena, minute_pass, alerts, counting.totals, counting.by_detector};
  }

  ingest::RecordReader reader;
  event::Decoder judge_decoder;  // for records that leave the settle buffer
  event::Arena judge_arena;
  baseline::MinutePass minute_pass;
  CellNamer cell;
};

}  // namespace trailwarden::pipeline
