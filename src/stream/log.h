#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/time.h"
#include "stream/topic_names.h"

namespace trailwarden::stream {

/// Something that stopped the reading of one origin, or a part of it: never the whole input.
enum class SourceFault : std::uint8_t { kNone, kDocumentTooLarge, kDamagedGzip, kUnreadable };

/// One message of the log, as it stands there. Its value holds JSON values one after another, in any form that
/// `ingest::RecordReader` knows (a record, a batch, JSON lines, an envelope, ...); at least 64 readable bytes follow it.
struct Message {
  std::int32_t partition = 0;
  std::int64_t offset = 0;                // ascending within a partition, in log order
  std::optional<AppendTime> append_time;  // the log's own clock; none for input without a stamp
  std::string_view origin;                // file name, or topic: what a person calls it
  std::uint32_t origin_id = 0;            // the same number for messages of the same origin
  std::uint64_t byte_offset = 0;          // of value's first byte in the inflated origin
  std::string_view key;                   // of logs that have keys
  std::string_view value;                 // may be empty when `fault` says why
  bool has_value = true;                  // false: a null value, by which a compacted topic forgets its key
  std::vector<std::pair<std::string_view, std::string_view>> headers;  // only of what a `PartitionReader` reads
  SourceFault fault = SourceFault::kNone;
  std::string fault_detail;               // for people
};

/// Messages in log order, with the memory that their views point into. Reused: clear() keeps allocated capacity where it can.
struct MessageBatch {
  std::vector<Message> messages;
  std::vector<std::shared_ptr<const void>> holds;  // what the views live in
  std::uint64_t source_bytes = 0;                  // bytes read from the outside for it (compressed where compressed), for progress

  void clear() {
    messages.clear();
    holds.clear();
    source_bytes = 0;
  }
};

/// Where the messages of a batch end: the position to go on from.
struct Position {
  std::int32_t partition = 0;
  std::int64_t next_offset = 0;
  bool operator==(const Position&) const = default;
};

/// One message to be written.
struct Outgoing {
  std::string topic;  // "trailwarden.alerts", ...
  std::string key;
  std::string value;
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<std::int32_t> partition;  // none: the key decides
  bool has_value = true;                  // false: forget the key (compacted topics)
};

/// Where messages come from when the log is read only: files, folders, tars, standard input (`ingest::FileSource`).
class MessageSource {
 public:
  virtual ~MessageSource() = default;

  /// Fills `batch` (emptied first) with the next messages: as many as the input alone decides, never depending on time or threads.
  /// False at the end.
  virtual Result<bool> poll(MessageBatch& batch) = 0;
};

/// The only door through which the engine reads and writes.
///
/// What was appended since the last commit becomes visible together with the positions, or never. Implementations: files in and
/// JSON lines out (`FileLog`). What the service runs on is a `PartitionedLog`.
///
/// Threads: `poll` may run on another thread than `append` and `commit`, which share one.
class Log {
 public:
  virtual ~Log() = default;

  /// Fills `batch` with the next messages: as many as the log alone decides, never depending on time or threads in a finite log.
  /// False at the end of the log. An error ends the run; what concerns one origin only travels as `Message::fault`.
  virtual Result<bool> poll(MessageBatch& batch) = 0;

  /// Takes a message to be written with the next commit.
  virtual void append(Outgoing message) = 0;

  /// Makes everything appended since the last commit visible, together with `positions`.
  virtual Result<void> commit(const std::vector<Position>& positions) = 0;
};

}  // namespace trailwarden::stream
