#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "stream/log.h"

namespace trailwarden::stream {

/// One partition of one of the input topics.
struct PartitionId {
  std::uint32_t topic = 0;  // which of the input topics, in the order of the configuration; `Message::origin_id`
  std::int32_t number = 0;  // `Message::partition`
  auto operator<=>(const PartitionId&) const = default;
};
inline PartitionId partition_of(const Message& message) { return {message.origin_id, message.partition}; }

/// A partition with what was last committed for it.
struct Assigned {
  PartitionId partition;
  std::optional<std::int64_t> next_offset;  // none: nothing was ever committed, and nobody said where to begin
  std::string metadata;                     // as handed to `commit`; empty if there was none
  std::string trouble;                      // why it cannot be read, for people; empty if it can
  bool operator==(const Assigned&) const = default;
};

/// Where a partition's commit ends, and what is kept with it. `metadata`: printable ASCII, at most 4,000 bytes.
struct Progress {
  PartitionId partition;
  std::int64_t next_offset = 0;
  std::string metadata;
};

/// Offsets that a partition holds: [begin, end), end as a read_committed reader sees it.
struct Extent {
  std::int64_t begin = 0, end = 0;
  bool operator==(const Extent&) const = default;
};

/// A partition whose end was reached.
struct CaughtUp {
  PartitionId partition;
  std::int64_t end = 0;
};

/// Where whoever gathers messages by the log's clock has to end what he gathers, whatever the clock says: only a log that keeps this for all time to come may tell it.
struct Cut {
  PartitionId partition;
  std::int64_t offset = 0;  // of the first message that belongs to it no more; none of those comes before the offset is committed
};

/// The log's clock, told to one partition whether it has records or not.
struct Tick {
  PartitionId partition;
  AppendTime time;
};

/// A partition that cannot be read on, whatever is tried: its records are gone, the topic is gone.
struct PartitionFault {
  PartitionId partition;
  std::string reason;  // snake_case, for metrics: "offset_out_of_range", "topic_deleted", ...
  std::string detail;  // for people
};

/// What one poll brought. Reused.
struct Polled {
  MessageBatch batch;               // of any started partitions, each in log order
  std::vector<CaughtUp> caught_up;  // after the batch's messages
  std::vector<Tick> ticks;          // after the batch's messages
  std::vector<Cut> cuts;            // after the batch's messages
  std::vector<PartitionFault> faults;

  void clear() {
    batch.clear();
    caught_up.clear();
    ticks.clear();
    cuts.clear();
    faults.clear();
  }
  bool empty() const { return batch.messages.empty() && caught_up.empty() && ticks.empty() && cuts.empty() && faults.empty(); }
};

/// Learns which partitions are its own. Called from within `poll` and `leave`, on their thread. Every rebalance ends with `assigned`, with nothing if there is
/// nothing for us.
class Member {
 public:
  virtual ~Member() = default;
  /// These are ours now, besides what was ours before; nothing of them comes before they are started.
  virtual void assigned(std::vector<Assigned> partitions) = 0;
  /// These are taken away in good order: until this returns they are ours, and may be committed.
  virtual void revoked(std::span<const PartitionId> partitions) = 0;
  /// These are somebody else's already: what was not committed never will be.
  virtual void lost(std::span<const PartitionId> partitions) = 0;
};

enum class CommitResult : std::uint8_t {
  kCommitted,
  kRolledBack,  // nothing of it is visible, or nobody knows: `rewind`, and begin from what it says
  kFenced,      // somebody with our own transactional id is at work: stop
};

/// Visible records of one partition of any topic, from an offset on, in order. Not part of the group; read_committed.
class PartitionReader {
 public:
  virtual ~PartitionReader() = default;
  /// Fills `batch` (emptied first) with what comes within `wait`, perhaps nothing. False at the end. kNotFound: what was asked for is not there any more.
  virtual Result<bool> read(std::chrono::milliseconds wait, MessageBatch& batch) = 0;
};

/// The topics of a log, for looking.
class Topics {
 public:
  virtual ~Topics() = default;

  /// The group whose work this is: several may write into the same topics, and each minds only its own ledger and saved state.
  virtual const std::string& group() const = 0;

  /// How many partitions a topic has.
  virtual Result<std::int32_t> partitions(std::string_view topic) = 0;
  /// What a partition of any topic holds, asked anew.
  virtual Result<Extent> range(std::string_view topic, std::int32_t partition) = 0;
  /// Reads [from, to) of any topic; `to` none: up to its end as of now; `from` before the beginning of a compacted topic means its beginning.
  virtual Result<std::unique_ptr<PartitionReader>> read(std::string_view topic, std::int32_t partition, std::int64_t from, std::optional<std::int64_t> to) = 0;
};

/// A log whose partitions are shared out among the members of a group, with transactions: what the service runs on. One object is one member: one
/// consumer and one transactional producer.
///
/// What was appended since the last commit becomes visible together with the committed offsets, or never. Implementations: Kafka
/// (`KafkaLog`), one machine's own on SQLite (`EmbeddedLog`), and a simulator in tests.
///
/// An error from any call means that this member cannot go on; what heals by waiting does not come as an error, it shows in `trouble`.
/// Threads: all calls from one thread, except `trouble` and `wake`.
class PartitionedLog : public Topics {
 public:
  /// Waits at most `wait` for something to happen, and fills `polled` (emptied first).
  virtual Result<void> poll(std::chrono::milliseconds wait, Polled& polled, Member& member) = 0;

  /// Lets an assigned partition's messages come, from the offset that it was assigned or rewound with. Once after each of those.
  virtual void start(PartitionId partition) = 0;
  /// Lets no more of a started partition's messages come until it is assigned or rewound again: it stopped, the others go on.
  virtual void stop(PartitionId partition) = 0;

  /// Takes a message to be written with the next commit; begins a transaction if none is open. `message.partition` is kept where it is given; otherwise the key decides.
  virtual void append(Outgoing message) = 0;

  /// Makes everything appended since the last commit visible, together with `progress`. kTooLarge: something appended is larger than the log takes; nothing of it
  /// is visible, and after a `rewind` the member goes on.
  virtual Result<CommitResult> commit(std::span<const Progress> progress) = 0;

  /// Drops what was appended since the last commit, ends every doubt about earlier commits, and puts all assigned partitions back to what is committed
  /// and visible. None of them is started.
  virtual Result<std::vector<Assigned>> rewind() = 0;

  /// Gives everything back (`member.revoked` is called) and ends the membership.
  virtual Result<void> leave(Member& member) = 0;

  /// Names of the input topics, by PartitionId::topic.
  virtual const std::vector<std::string>& inputs() const = 0;
  /// As far as known without asking; for metrics.
  virtual std::optional<Extent> extent(PartitionId partition) const = 0;

  /// Nothing of an input partition from before `offset` will be read again: a log that keeps its input for us may forget it.
  virtual void trim(PartitionId /*partition*/, std::int64_t /*offset*/) {}

  /// What hinders the log's work at present, for people ("no broker answers since ..."); empty if nothing does. Any thread.
  virtual std::string trouble() const = 0;
  /// Makes a waiting `poll`, `commit` or `rewind` return soon. Any thread, signal handlers excepted.
  virtual void wake() = 0;
};

}  // namespace trailwarden::stream
