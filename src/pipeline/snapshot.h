#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "pipeline/ledger.h"
#include "stream/log.h"

namespace trailwarden::pipeline {

/// One partition's saved state on its way into the state topic: a frozen copy, cut into chunks, and last of all a manifest. Keys:
///   GROUP/TOPIC/PARTITION/OFFSET/NNNNNN     a chunk, at most kChunkBytes
///   GROUP/TOPIC/PARTITION/OFFSET/manifest   JSON: format, sizes and XXH3-64 of every chunk and of the whole
/// Chunks travel with earlier commits; only the manifest needs the transaction of the commit that makes the snapshot count.
class SnapshotWriter {
 public:
  static constexpr std::size_t kChunkBytes = std::size_t{512} << 10;

  /// `owner`: `owner_of`. `bytes`: the state before the message at `offset`.
  SnapshotWriter(std::string owner, std::int32_t partition, std::int64_t offset, std::string bytes);

  std::int64_t offset() const { return offset_; }
  bool chunks_done() const { return next_ == hashes_.size(); }
  stream::Outgoing next_chunk();
  stream::Outgoing manifest() const;
  SnapshotMark mark() const { return {offset_, hash_, bytes_.size()}; }
  std::size_t chunks() const { return hashes_.size(); }

 private:
  std::string owner_;
  std::int32_t partition_;
  std::int64_t offset_;
  std::string bytes_;
  std::uint64_t hash_;
  std::vector<std::uint64_t> hashes_;  // by chunk
  std::size_t next_ = 0;
};

/// A key of the state topic, taken apart.
struct StateKey {
  std::string_view owner;  // `owner_of`
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::optional<std::size_t> chunk;  // none: the manifest
};
std::optional<StateKey> parse_state_key(std::string_view key);

/// What the state topic holds for one partition, gathered from its records in order; the last record of a key counts.
class SnapshotShelf {
 public:
  SnapshotShelf(std::string owner, std::int32_t partition) : owner_(std::move(owner)), partition_(partition) {}

  /// Takes one record of the state topic; those of other partitions and groups are passed over.
  void take(const stream::Message& message);

  /// What is there under one offset, for people and for the choice.
  struct Entry {
    std::int64_t offset = 0;
    std::size_t chunks = 0, chunks_there = 0;
    std::uint64_t bytes = 0;
    std::string problem;  // why it cannot be used; empty if it can
  };
  /// The newest first.
  std::vector<Entry> entries() const;

  /// A snapshot's bytes. kNotFound: parts of it are not there, or not visible yet; kMalformed, kUnsupported: it is damaged or of another version. With the reason.
  Result<std::string> bytes(std::int64_t offset) const;

  /// Tombstones for everything that belongs to none of `keep`.
  std::vector<stream::Outgoing> forget_all_but(const std::vector<std::int64_t>& keep) const;

 private:
  struct Parts {
    std::optional<std::string> manifest;
    std::map<std::size_t, std::string> chunks;
  };

  std::string owner_;
  std::int32_t partition_;
  std::map<std::int64_t, Parts> by_offset_;
};

/// Tombstones for a snapshot's manifest, first, and its chunks.
std::vector<stream::Outgoing> forget_snapshot(std::string_view owner, std::int32_t partition, std::int64_t offset, std::size_t chunks);

}  // namespace trailwarden::pipeline
