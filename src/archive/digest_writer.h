#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "archive/delivery.h"
#include "archive/digest_book.h"
#include "core/result.h"
#include "stream/partitioned_log.h"
#include "trail/key_ring.h"
#include "trail/member_deflater.h"

namespace trailwarden::archive {

struct DigestOptions {
  std::vector<Destination> destinations;
  std::vector<std::string> inputs;  // the topics that the archivers read, as the manifest names them
  unsigned threads = 4;             // that store digests
  std::chrono::milliseconds first_wait{200}, longest_wait{60'000};  // after something that did not work; doubles
  std::function<std::chrono::milliseconds()> now;                   // only paces; never enters what is written
};

/// What a digest writer did and has, as of its last turn.
struct DigestStatus {
  bool is_member = false;   // the manifest is ours; else another process writes, and this one stands by
  bool is_writing = false;  // an hour's digests: nothing is read meanwhile
  std::string stopped;      // why it does nothing until somebody has looked; empty: it runs
  std::int64_t next = -1, committed = -1;  // offsets of the manifest
  std::optional<Timestamp> passed;         // digests are written up to here
  std::optional<DigestBook::Slowest> waits_for;
  std::uint64_t chains = 0, waiting_logs = 0;
  std::uint64_t written = 0, backfilled = 0;  // since it began; those found in the store count too
  std::uint64_t chain_breaks = 0;             // times that a chain stopped, or went on from another digest than ours
  std::optional<DeliveryTrouble> blocked;     // why the last try did not work; nothing was written since
  std::map<ChainId, std::string> stopped_chains;
};

/// What the digests of all trails were, as of the last hour that was written whole.
struct WrittenDigests {
  Timestamp passed{};           // they are written up to here
  std::uint64_t caught_up = 0;  // times that all of the manifest was read, as of now
  std::shared_ptr<const std::vector<ChainHead>> heads;
};

/// An alert that goes into the alerts topic once.
struct Telling {
  std::string id;
  stream::Outgoing message;
};

/// Writes the digests of all trails from the manifest topic, which has one partition: its owner is the only writer, any other member of the group stands by.
///
///   assigned    load the state that was committed with the offset; the keys are read anew
///   records     into the `DigestBook`, until an hour has passed for every input partition
///   an hour     reading stops; its digests are signed and stored, some at a time, and committed with the book as it is then: a message in the digests topic in the transaction of the
///               offset. A restart goes on from there, and digests that were stored since are made again, byte for byte
///   another digest stands there    it is taken in the place of ours if one of our keys signed it; else its chain stops, the others go on
///   a store that takes nothing     is tried again; nothing is read meanwhile
///
/// Nothing is committed without the book: between hours a restart reads the manifest again from the last one.
///
/// What else is to be said of the trails goes through the writer's transactions too (`tell`), for it is the only one of its group that works, and is fenced off when it is not. Such an
/// alert, the mark in the digests topic that it was told, and the offset as it was committed are one transaction: it is there once, whatever dies when.
///
/// Single-threaded, except `status` and `written_digests`.
class DigestWriter final : private stream::Member {
 public:
  DigestWriter(stream::PartitionedLog& log, DigestOptions options);
  ~DigestWriter() override;

  /// One turn: waits for input at most `wait` if there is nothing else to do. An error ends the writer.
  Result<void> step(std::chrono::milliseconds wait);
  Result<void> finish();

  /// Alerts to be committed with the next turns; those that were told before, by whomever, are passed over. The message's topic, key, value and headers are given; `commit` is added to the
  /// latter, as the detector's alerts have it.
  void tell(std::vector<Telling> tellings);

  DigestStatus status() const;
  /// nullptr: another process writes, or no hour has passed.
  std::optional<WrittenDigests> written_digests() const;

 private:
  struct Task;
  struct Keys;

  void assigned(std::vector<stream::Assigned> partitions) override;
  void revoked(std::span<const stream::PartitionId> partitions) override;
  void lost(std::span<const stream::PartitionId> partitions) override { revoked(partitions); }

  void begin();
  Result<void> try_begin();
  Result<void> check_topic();
  Result<void> open_keys();
  Result<void> expect_inputs();
  Result<void> load(const std::string& metadata);
  Result<std::map<std::string, std::string>> read_kept();
  static Result<std::string> state_of(const std::map<std::string, std::string>& kept, const std::string& metadata);
  void start();
  void stop(std::string why);
  void let_go();
  Result<void> roll_back();

  bool take(const stream::Message& message);

  Result<void> write_hours();
  Result<bool> write_some();
  Result<void> seal(Task& task);
  void store(Task& task) const;
  tl::expected<void, DeliveryTrouble> settle(const Task& task);
  tl::expected<void, DeliveryTrouble> take_other(const Task& task, const trail::StoredObject& object);
  void written(const ChainId& chain, const trail::Digest& digest, std::string_view sha256, std::string_view signature);
  void leave_alone(const ChainId& chain, const std::string& why);
  Result<void> commit();
  void append(const std::string& name, std::string value);
  Result<void> commit_tellings();
  Result<bool> is_committed(Result<stream::CommitResult> result);

  bool waits() const { return blocked_until_ && options_.now() < *blocked_until_; }
  static DeliveryTrouble trouble_of(const Error& error);
  void block(const Error& error);
  void block(DeliveryTrouble trouble);
  void unblock();
  void publish();

  stream::PartitionedLog& log_;
  DigestOptions options_;
  trail::MemberDeflater deflater_;
  stream::Polled polled_;

  // Where we are.
  std::optional<stream::Assigned> assigned_;  // the manifest is ours
  bool has_begun_ = false;
  bool is_reading_ = false;  // else hours are due
  bool must_rewind_ = false;
  bool must_look_for_inputs_ = false;
  std::string stopped_;
  std::int64_t next_ = -1, committed_ = -1;
  std::string metadata_;  // committed with `committed_`
  DigestBook book_;
  bool is_as_committed_ = false;  // the book

  // What is written.
  std::map<std::string, Keys> keys_;  // by folder
  bool keys_are_fresh_ = false;       // read again for the sake of one that was missing
  bool may_have_stored_ = true;       // somebody who was here before, or an earlier try
  std::uint64_t caught_up_ = 0, since_commit_ = 0, written_ = 0, backfilled_ = 0, chain_breaks_ = 0;
  std::map<ChainId, std::string> left_alone_;  // and why
  std::vector<Telling> tellings_;  // not committed yet
  std::set<std::string> told_;     // ids
  bool told_is_known_ = false;     // else another member, or a commit of which nobody knows, may have told more
  std::chrono::milliseconds tell_again_{std::chrono::milliseconds::min()};  // not before, by `options_.now`
  std::optional<DeliveryTrouble> blocked_;
  std::optional<std::chrono::milliseconds> blocked_until_;
  std::chrono::milliseconds wait_;

  mutable std::mutex mutex_;
  DigestStatus status_;  // guarded, as what follows
  std::optional<WrittenDigests> written_digests_;
};

}  // namespace trailwarden::archive
