#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archive/delivery.h"
#include "archive/epoch.h"
#include "core/result.h"
#include "stream/partitioned_log.h"

namespace trailwarden::archive {

struct ArchiverOptions {
  std::vector<Destination> destinations;
  EpochRules rules;
  DeliveryOptions delivery;
  std::chrono::milliseconds first_block{1'000}, longest_block{60'000};  // without reading, after a delivery that was given up; doubles
  std::chrono::milliseconds tick_grace{10'000};  // brokers' clocks differ by less: what was appended before a tick says so by a time before this much after it
  std::vector<bool> gaps_allowed;                // by input topic: its offsets may have holes
  std::string alerts_topic;                      // the input that holds alerts, of which Insights are archived; empty: none does
  std::function<std::chrono::milliseconds()> now;  // only paces; never enters what is written
};

/// What an archiver did and has, as of its last turn.
struct ArchiverStatus {
  struct PartitionStatus {
    std::string topic, stopped;  // stopped: why; empty: it runs
    std::int32_t partition = 0;
    std::int64_t committed = -1;
    std::uint64_t open_bytes = 0;  // of the epoch that is gathered
    std::optional<AppendTime> newest_append;
    std::optional<AppendTime> oldest_unwritten;  // of what was taken and is in no object that is committed
  };
  std::vector<PartitionStatus> partitions;
  std::optional<DeliveryTrouble> blocked;  // why the last delivery was given up; nothing was delivered since
  ArchiveCounts counts;                    // committed since it began
  std::uint64_t epochs = 0, objects = 0, object_bytes = 0, retries = 0;
  std::map<std::string, Timestamp> newest_objects;  // by trail: the stamp of the newest one since it began, which is the log's time
};

/// One member of the archivers' group: takes messages, gathers them by epochs, stores the epochs' objects, and commits. An object is in the manifest if and only
/// if the offsets that it comes of are committed.
///
///   assigned   begin at the committed offset, by the rules that were kept with it
///   messages   check that no offset is missing; gather
///   an epoch ends    by the log's clock, by its size, or where the log cuts it: store its objects; then one transaction: its manifest records, and the offset where it ends
///   a quiet hour     when a tick shows that nothing of it is left to archive: the manifest says so, once an hour and partition
///   revoked, lost, rolled back    drop what was gathered: the next owner gathers the same again
///   an object of somebody else's where ours belongs    its partition stops, the others go on
///   a store that takes nothing    drop what was gathered, and read nothing until it is tried again: memory is that of the open epochs, and the group is kept
///
/// Source: shared/spec/streaming.md 1.8. Single-threaded, except `status`.
class Archiver final : private stream::Member {
 public:
  Archiver(stream::PartitionedLog& log, ArchiverOptions options);
  ~Archiver() override;

  /// One turn: waits for input at most `wait` if there is nothing else to do. An error ends the archiver.
  Result<void> step(std::chrono::milliseconds wait);
  /// Leaves the group. What belongs to epochs that have not ended is gathered again by the next owner.
  Result<void> finish();

  ArchiverStatus status() const;

 private:
  struct Part;

  void assigned(std::vector<stream::Assigned> partitions) override;
  void revoked(std::span<const stream::PartitionId> partitions) override;
  void lost(std::span<const stream::PartitionId> partitions) override;

  void begin(stream::Assigned assigned);
  void stop(Part& part, std::string why);
  Result<void> note_rules();
  Result<stream::CommitResult> commit_progress(std::span<const stream::Progress> progress);
  Result<void> take(const stream::Message& message);
  bool is_next(Part& part, const stream::Message& message);
  void hear_tick(Part& part, AppendTime time);
  Result<void> end_quiet_epoch(Part& part);
  Result<void> say_quiet_hours();
  Result<void> end_epoch(Part& part);
  Result<void> deliver();
  Result<void> commit(const std::vector<ManifestObject>& objects);
  void block(DeliveryTrouble trouble);
  void unblock();
  Result<void> roll_back();
  void publish();

  stream::PartitionedLog& log_;
  ArchiverOptions options_;
  Delivery delivery_;
  ingest::RecordReader reader_;
  event::Arena arena_;
  stream::Polled polled_;

  std::map<stream::PartitionId, Part> parts_;
  std::vector<GatheredEpoch> ended_;  // not delivered; of each partition one at most
  bool must_rewind_ = false;
  bool may_have_stored_ = true;  // somebody who was here before, or an earlier try
  std::map<stream::PartitionId, std::string> conflicts_;  // partitions that stop for them, and why
  std::optional<DeliveryTrouble> blocked_;  // until something is delivered again
  bool waits_ = false;                      // nothing is read, until `wait_until_`
  std::chrono::milliseconds wait_until_{}, block_{};

  mutable std::mutex mutex_;
  ArchiverStatus status_;  // guarded
};

/// What is kept with a committed offset: the rules of the epoch that begins there. `1 length=SECONDS bytes=N`.
std::string to_metadata(const EpochRules& rules);
/// kMalformed for text that this version did not write.
Result<EpochRules> parse_epoch_rules(std::string_view metadata);

}  // namespace trailwarden::archive
