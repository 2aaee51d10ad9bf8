#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "event/cloudtrail_event.h"
#include "event/decoder.h"
#include "ingest/record_reader.h"
#include "pipeline/totals.h"
#include "stream/log.h"

namespace trailwarden::pipeline {

/// One decoded record on its way to its cell.
struct Slot {
  event::CloudTrailEvent event;
  Timestamp time{};            // event time, clamped to the log's clock
  Timestamp watermark{};       // of the log, with this record
  std::uint64_t cell = 0;      // `event::cell_hash`
  std::uint32_t message = 0;   // which of the batch's
};

/// One record that is not judged, and why.
struct Notice {
  enum class Kind : std::uint8_t { kRefused, kSkipped, kOutsideTimeRange };
  Kind kind = Kind::kRefused;
  event::Refusal refusal = event::Refusal::kNone;
  ingest::Skip skip{};
  std::uint32_t message = 0;
  std::uint64_t record_number = 0;  // within the message until the batch is sealed, then within the origin
  std::uint64_t byte_offset = 0;
  std::string_view raw;
};

/// One alert, rendered, waiting for the commit that sorts and writes it.
struct Alert {
  Timestamp decision_time{};
  std::string id;
  stream::Outgoing message;
};

/// A cell that is suspiciously silent in the minutes [from, until).
struct Frozen {
  std::uint64_t cell = 0;
  std::string account, region;
  std::int64_t from = 0, until = 0;
};

/// A run of the log's messages with all that becomes of them, from reading to commit. Reused; keeps its memory.
struct Batch {
  explicit Batch(std::size_t owners) : by_owner(owners), alerts(owners), late(owners) {}

  std::uint64_t sequence = 0;
  bool last = false;  // no messages: the input is over

  stream::MessageBatch input;
  event::Arena arena;
  std::vector<Slot> slots;      // of which the first `slot_count` are in use: decoded slots are not destroyed
  std::size_t slot_count = 0;
  std::vector<Notice> notices;
  std::vector<std::uint64_t> records_of_message;  // how many records each message held
  std::vector<std::vector<std::uint32_t>> by_owner;  // slot numbers for each thread's shards, in log order
  Timestamp watermark{};                           // of the log at the batch's end
  Totals totals;                                   // reading and decoding only; judging is counted by shard

  std::vector<std::vector<Alert>> alerts;                  // by owner
  std::vector<Alert> sealed_alerts;                        // of what needs all cells of the log
  std::vector<Frozen> frozen;                              // cells that are told, before their records are judged
  std::vector<std::vector<std::uint32_t>> late;            // slot numbers of late records, by owner

  void clear();
};

}  // namespace trailwarden::pipeline
