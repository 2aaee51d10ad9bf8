#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "notify/book.h"
#include "notify/courier.h"
#include "notify/notify_config.h"
#include "stream/partitioned_log.h"

namespace trailwarden::notify {

struct NotifierOptions {
  NotifyConfig config;
  std::function<AppendTime()> now;                     // of windows, retries and ages: the calendar's, for they outlive the process
  std::function<std::chrono::milliseconds()> steady;   // only paces
  std::optional<std::int64_t> from;                    // alerts before it are passed over where nothing was ever committed; none: the log says where to begin
};

struct NotifierStatus {
  struct Partition {
    std::string topic;
    std::int32_t partition = 0;
    std::int64_t next = 0, committed = 0;
  };
  bool is_member = false;
  std::string stopped;  // why it does nothing until somebody has looked; empty: it runs
  std::string waits;    // why it cannot begin yet
  std::vector<Partition> partitions;
  std::map<std::string, SinkStatus> sinks;
  std::uint64_t unrouted = 0, unreadable = 0;
  bool is_at_rest = false;  // all that was read is committed, no group is open, and what waits was tried before
};

/// Follows the alerts, which are written exactly once, and sees to it that sinks are told of them: at least once each, under an id that stays the same.
///
///   assigned   load what was committed with the offset: a record `head` in the notifications topic has the number that the offset's metadata has
///   alerts     into the `Book`
///   a commit   what the book has changed, as records of the notifications topic, what was given up, and the offsets: one transaction
///   sending    of what is committed only, by the `Courier`; what became of it is in the next commit
///
/// A crash repeats what was sent since the last commit, with the same ids and bodies. Alerts are never held up: nobody waits for this.
///
/// Single-threaded, except `status`.
class Notifier final : private stream::Member {
 public:
  Notifier(stream::PartitionedLog& log, Courier& courier, NotifierOptions options);

  /// One turn: waits for alerts at most `wait`. An error ends the notifier.
  Result<void> step(std::chrono::milliseconds wait);
  Result<void> finish();
  /// Groups end at once from now on: the run ends by itself.
  void close_groups() { closes_groups_ = true; }

  NotifierStatus status() const;

 private:
  struct Part {
    stream::Assigned assigned;
    bool has_begun = false, has_changed = false;
    std::int64_t next = 0, committed = 0, from = 0;
    std::uint64_t sequence = 0;  // of its commits
  };

  void assigned(std::vector<stream::Assigned> partitions) override;
  void revoked(std::span<const stream::PartitionId> partitions) override;
  void lost(std::span<const stream::PartitionId> partitions) override;
  void let_go(std::span<const stream::PartitionId> partitions);

  void begin();
  Result<void> load(std::vector<Part*>& parts);
  static Result<void> place(Part& part, std::optional<std::int64_t> from);
  void stop(std::string why);
  Result<void> roll_back();

  void take(const stream::Message& message);
  bool is_loaded() const;
  void take_results();
  Result<void> commit();
  bool is_commit_due() const;
  std::vector<stream::Progress> append_changes();
  void append(std::int32_t partition, std::string_view name, std::optional<std::string> value);
  void bury(const DeadLetter& dead);
  void publish();

  stream::PartitionedLog& log_;
  Courier& courier_;
  const NotifierOptions options_;
  Book book_;
  stream::Polled polled_;
  std::map<stream::PartitionId, Part> parts_;
  bool must_rewind_ = false, closes_groups_ = false;
  std::string stopped_, waits_;
  std::chrono::milliseconds last_commit_, begin_again_;
  struct Said {
    std::chrono::milliseconds again{std::chrono::milliseconds::min()};
    std::uint64_t unsaid = 0;
  };
  std::map<std::string, Said> said_;  // by sink: what was given up, in the log

  mutable std::mutex mutex_;
  NotifierStatus status_;  // guarded
};

/// A message that was given up, as it stands in the topic `undelivered`: one line of JSON.
std::string to_json(const DeadLetter& dead);

}  // namespace trailwarden::notify
