#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "stream/embedded_delivery.h"
#include "stream/embedded_input.h"
#include "stream/embedded_journal_row.h"
#include "stream/embedded_lock.h"
#include "stream/embedded_pending.h"
#include "stream/embedded_reader.h"
#include "stream/embedded_schema.h"
#include "stream/embedded_store.h"
#include "stream/partitioned_log.h"

namespace trailwarden::stream {

struct EmbeddedOptions {
  std::string database;     // the SQLite file; `-wal`, `-shm` and `.lock` stand beside it
  std::string alerts_file;  // gets the alerts as JSON lines too; empty: none
  std::vector<std::string> compacted = {std::string(kStateTopic)};  // topics that keep the newest message of a key only
  bool keep_journal = false;    // `trim` does nothing
  std::int64_t kept_messages = 500'000;  // of every topic but alerts and compacted ones: of older ones nothing is left; 0: all are kept
  std::uint64_t max_bytes = 0;                                      // of the database; 0: as the disk has room
  std::vector<EmbeddedFollowing> followers;  // groups that work beside it: what they have not committed is kept
  std::function<AppendTime()> now = system_log_time;  // commits are stamped with it
  std::size_t max_pending_bytes = std::size_t{256} << 20;           // read and not committed; then nothing more is read
};

/// A log on one machine without a broker: input from an `InputSource`, everything else in one SQLite file. One input
/// topic, "folder", with one partition.
///
/// Input gets its offsets as it is read. A commit writes, in one transaction that is on disk before it returns: the
/// messages up to its offset (the journal, from which they can be read again when their files are gone), how far each
/// source was read, the offset with its metadata, and what was appended. Killed at any instruction, the next process
/// goes on from the last commit: what was read and not committed is read again from the source. What is read and not
/// committed stays in memory, so `rewind` gives the same messages again without asking the source.
///
/// Alerts are also written to a file (`LineDelivery`), after the commit. If the file cannot be written, commits go on,
/// `trouble` says why, and it is made up for.
///
/// A full disk or a failing one: `commit` says kRolledBack and `trouble` why; the next poll after that waits up to half
/// a second, so that whoever tries again at once does not spin. A damaged database is an error that says what to do.
///
/// The log's own clock is for its followers (`EmbeddedFollower`): here no ticks are told, and messages have the stamps of
/// their files. Offsets of output topics begin with 0. Alerts are kept for ever; of the journal what a restart or a
/// follower may need, of other topics the newest and what a follower has not committed. When what only a follower
/// needs has taken three quarters of `max_bytes`, no more input is read until it has gone on. Cost: about one fsync a commit, two more with alerts; the journal takes about an eighth of the input,
/// inflated. Why not a write-ahead file of our own: SQLite has survived more power cuts than we will ever test.
class EmbeddedLog final : public PartitionedLog {
 public:
  /// kIo with the process that works on the same file; kMalformed or kUnsupported as `open_embedded_database`.
  static Result<std::unique_ptr<EmbeddedLog>> open(EmbeddedOptions options, std::unique_ptr<InputSource> input);

  /// The same file, for looking only, from this process or another.
  static Result<EmbeddedReader> open_read_only(const std::string& database) { return EmbeddedReader::open(database); }

  Result<void> poll(std::chrono::milliseconds wait, Polled& polled, Member& member) override;
  void start(PartitionId partition) override;
  void stop(PartitionId partition) override;
  void append(Outgoing message) override { appended_.push_back(std::move(message)); }
  Result<CommitResult> commit(std::span<const Progress> progress) override;
  Result<std::vector<Assigned>> rewind() override;
  Result<void> leave(Member& member) override;

  const std::vector<std::string>& inputs() const override { return inputs_; }
  const std::string& group() const override { return reader_.group(); }
  Result<std::int32_t> partitions(std::string_view topic) override { return reader_.partitions(topic); }
  Result<Extent> range(std::string_view topic, std::int32_t partition) override { return reader_.extent(topic, partition); }
  /// From the oldest message of the journal to the newest one that was read, committed or not.
  std::optional<Extent> extent(PartitionId partition) const override;
  Result<std::unique_ptr<PartitionReader>> read(std::string_view topic, std::int32_t partition, std::int64_t from,
                                                std::optional<std::int64_t> to) override;
  std::string trouble() const override;
  void wake() override;

  /// The journal may forget messages below `offset`: nobody will read them again. Takes effect with later commits, a
  /// bounded part at a time.
  void trim(PartitionId partition, std::int64_t offset) override;

  /// Bytes on disk, for metrics.
  Result<EmbeddedSize> size() { return store_->size(); }

 private:
  EmbeddedLog(EmbeddedOptions options, std::unique_ptr<InputSource> input, ProcessLock lock,
              std::unique_ptr<EmbeddedStore> store, EmbeddedReader reader);
  Result<void> restore();
  Assigned assigned() const;
  Result<void> read_on(std::chrono::milliseconds wait, Polled& polled);
  void tell_caught_up(Polled& polled);
  void pause(std::chrono::milliseconds wait);
  bool has_work(std::span<const Progress> progress) const;
  Result<void> write(std::span<const Progress> progress);
  Result<std::int64_t> write_input(std::int64_t next_offset);
  void committed(std::span<const Progress> progress);
  void drop_committed(std::int64_t next_offset);
  Result<std::int64_t> trimmable();
  void look_for_room();
  Result<std::uint64_t> used_bytes();
  void look_at_trimmed();
  void look_at_alerts();
  void deliver();
  Result<void> settle_doubt();
  void set_trouble(std::string& which, std::string what);

  const EmbeddedOptions options_;
  const std::vector<std::string> inputs_{std::string(kFolderTopic)};
  std::unique_ptr<InputSource> input_;
  ProcessLock lock_;
  std::unique_ptr<EmbeddedStore> store_;
  EmbeddedReader reader_;
  std::optional<LineDelivery> delivery_;
  JournalRow journal_row_;
  std::string row_;

  PendingInput pending_{0};
  bool drained_ = false;         // the source has nothing more than what is pending
  bool told_caught_up_ = false;  // since the last message or start
  std::vector<Outgoing> appended_;
  bool ever_committed_ = false;
  std::string metadata_;
  std::int64_t first_kept_ = 0, trim_below_ = 0;
  bool shrinking_ = false;  // there are many free pages
  bool is_full_ = false;    // of what followers need: no input is read
  std::chrono::steady_clock::time_point look_for_room_at_{};

  bool joined_ = false, started_ = false, in_doubt_ = false;
  std::chrono::steady_clock::time_point retry_at_{}, deliver_at_{}, look_at_alerts_at_{};

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable wakes_;
  bool woken_ = false;
  std::string commit_trouble_, delivery_trouble_, room_trouble_;
};

}  // namespace trailwarden::stream
