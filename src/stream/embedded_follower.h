#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
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
#include "stream/embedded_reader.h"
#include "stream/embedded_store.h"
#include "stream/partitioned_log.h"

namespace trailwarden::stream {

struct EmbeddedFollowerOptions {
  std::string database;             // of an `EmbeddedLog` that this process has open
  EmbeddedFollowing following;      // the log's options name it too: so what is not committed here is kept
  std::vector<std::string> compacted;             // topics written to here that keep the newest message of a key only
  std::int64_t kept_messages = 500'000;           // of other topics written to here; 0: all
  std::vector<EmbeddedFollowing> followers;       // of what is written here
  std::chrono::milliseconds tick_interval{10'000};
  std::function<AppendTime()> now = system_log_time;  // as the log's
};

/// Another group on the database of an `EmbeddedLog`, in its process: its inputs are the journal ("folder") or topics
/// that were written to. Each has one partition. It sees what is committed, and has offsets with metadata of its own.
///
/// `append_time` of what it gives is when that was committed, by the log's own clock; ticks are of the same clock. A
/// tick is exact: what is committed after it has no earlier time. So where epochs end is a function of the log alone,
/// whenever it is read.
///
/// What was appended and the offsets are one transaction on a connection of its own. SQLite lets one write at a time:
/// its transactions are short, and it waits up to 30 s for those of the log. Offsets are given inside a transaction: alerts, which the log writes
/// too, get theirs in the order of commits.
///
/// Where nothing was committed it begins with the oldest message that is there; likewise, and with a line in the log,
/// where its group did not work for a while and the oldest message that it wants is gone.
///
/// Errors, a full disk, threads: as `EmbeddedLog`. Cost: a transaction for each tick.
class EmbeddedFollower final : public PartitionedLog {
 public:
  /// After the log was opened. Writes nothing yet.
  static Result<std::unique_ptr<EmbeddedFollower>> open(EmbeddedFollowerOptions options);
  ~EmbeddedFollower() override;

  Result<void> poll(std::chrono::milliseconds wait, Polled& polled, Member& member) override;
  void start(PartitionId partition) override;
  void stop(PartitionId partition) override;
  void append(Outgoing message) override { appended_.push_back(std::move(message)); }
  Result<CommitResult> commit(std::span<const Progress> progress) override;
  Result<std::vector<Assigned>> rewind() override;
  Result<void> leave(Member& member) override;

  const std::vector<std::string>& inputs() const override { return options_.following.topics; }
  const std::string& group() const override { return options_.following.group; }
  Result<std::int32_t> partitions(std::string_view topic) override { return reader_.partitions(topic); }
  Result<Extent> range(std::string_view topic, std::int32_t partition) override;
  std::optional<Extent> extent(PartitionId partition) const override;
  Result<std::unique_ptr<PartitionReader>> read(std::string_view topic, std::int32_t partition, std::int64_t from,
                                                std::optional<std::int64_t> to) override {
    return reader_.read(topic, partition, from, to);
  }
  std::string trouble() const override;
  void wake() override;

  /// Asks that everything that is committed in the log now be committed here too, although its epoch has not ended, and
  /// says whether it is. To be called until it is true; after that it asks anew. Any thread. The offsets where epochs are cut are kept before
  /// anything acts on them: each input comes up to there, with `Polled::cuts`, and on from there only when that is
  /// committed. Whoever dies in between meets the same cut again.
  bool cut_here();

 private:
  struct Part;

  EmbeddedFollower(EmbeddedFollowerOptions options, EmbeddedStore store, EmbeddedReader reader);
  Result<void> restore();
  Result<void> restore(Part& part);
  std::vector<Assigned> assigned() const;
  Result<void> read_on(Polled& polled);
  Result<void> read_on(Part& part, Polled& polled);
  Result<void> move_on(Polled& polled);
  Result<void> tick(Polled& polled);
  void tell_cuts(Polled& polled) const;
  Result<void> cut();
  void look_at_cuts();
  bool has_work(std::span<const Progress> progress) const;
  Result<void> write(std::span<const Progress> progress);
  Result<void> bear(Result<void> done, std::string& trouble, const char* what);
  void pause(std::chrono::milliseconds wait);
  void set_trouble(std::string& which, std::string what);

  const EmbeddedFollowerOptions options_;
  EmbeddedStore store_;
  EmbeddedReader reader_;
  std::vector<Part> parts_;  // by topic
  std::vector<Outgoing> appended_;
  std::size_t turn_ = 0;  // whose it is to be read
  bool joined_ = false, in_doubt_ = false;
  std::chrono::steady_clock::time_point retry_at_{};
  AppendTime ticked_{};

  enum class Asked : std::uint8_t { kNothing, kToCut, kCutIsKept, kAllIsCommitted };
  std::atomic<Asked> asked_ = Asked::kNothing;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable wakes_;
  bool woken_ = false;
  std::string commit_trouble_, read_trouble_, clock_trouble_;
};

}  // namespace trailwarden::stream
