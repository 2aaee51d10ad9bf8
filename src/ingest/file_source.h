#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "ingest/feed.h"
#include "ingest/origin_list.h"
#include "stream/log.h"

namespace trailwarden::ingest {

struct FileSourceOptions {
  std::size_t max_document_bytes = std::size_t{256} << 20;  // of one document or line, inflated
  BucketReading buckets{};
  /// Which files, objects and members are not to be read, by their names and stored bytes. Empty: all are.
  std::function<bool(std::string_view name, std::uint64_t bytes)> leave_out{};
};

/// Files, folders, buckets, tar archives and standard input as one log, in an order that depends on what is in them and not on
/// how they were named or listed:
///   - an origin with CloudTrail's stamp in its name stands at its stamp, whole and in its own order; its messages
///   carry the stamp as append time;
///   - any other is merged with the rest record by record, by eventTime (`feed_by_time`);
///   - at one time, by name. What has neither stamp nor eventTime comes first.
///
/// Objects of a bucket go as the same files in a folder would; one that cannot be downloaded is a fault of its own, as a
/// file is that cannot be read.
///
/// Memory: about 150 bytes an origin; for each one that is open (those without a stamp that overlap in time) a chunk of
/// 256 KiB, down to 16 KiB when many are open; the documents that wait (`WaitingRoom`); of objects, 64 MiB that
/// were downloaded before their turn, and a piece of each one that is open: 8 MiB with a stamp, 1 MiB without, of 128 at
/// the most. What a batch holds goes back to a pool. Cost: a second reading of documents without a stamp, to learn where they begin, if there are several
/// origins; of lines only the first 256 KiB are read twice. Not thread-safe; batches may be let go on any thread.
class FileSource final : public stream::MessageSource {
 public:
  /// kNotFound with the path for one that is not there; kInvalidArgument without any; kIo for a bucket that cannot be
  /// listed. `-` is standard input, `s3://BUCKET[/PREFIX]` a bucket.
  static Result<std::unique_ptr<FileSource>> open(const std::vector<std::string>& paths, FileSourceOptions options);

  Result<bool> poll(stream::MessageBatch& batch) override;

  /// What the `source_bytes` of all batches will add up to: bytes as stored; 0 if that is unknown.
  std::uint64_t total_bytes() const { return total_bytes_; }
  /// Files, members and streams, whether they hold records or not.
  std::size_t origins() const { return list_.origins().size(); }
  /// Of what messages have this number as `origin_id`: its name, and its bytes as stored.
  std::string name_of(std::uint32_t origin) const { return list_.name(list_.origins()[origin]); }
  std::uint64_t bytes_of(std::uint32_t origin) const { return list_.origins()[origin].size; }
  /// Those of which nothing comes behind the last batch that were not told before: messages or not, damaged or not.
  std::vector<std::uint32_t> take_ended() { return std::exchange(ended_, {}); }

 private:
  struct Open {
    std::size_t origin = 0;
    std::unique_ptr<Feed> feed;
    std::uint64_t counted = 0;  // of its bytes, in batches
  };

  FileSource(FileSourceOptions options, std::unique_ptr<ReadTools> tools, OriginList list)
      : options_(std::move(options)), tools_(std::move(tools)), list_(std::move(list)), room_(tools_->pool) {}

  void find_positions();
  Result<std::unique_ptr<DocumentStream>> open_stream(const Origin& origin, std::size_t whole_bytes);
  const Origin& origin(std::size_t number) const { return list_.origins()[number]; }
  bool goes_before(std::size_t a, Timestamp time_a, std::size_t b, Timestamp time_b) const;
  bool next_is_due() const;
  void open_next();
  std::unique_ptr<Feed> make_feed(std::size_t number);
  Limit limit_for(std::size_t number) const;
  void deliver();
  void count_bytes(Open& open);

  FileSourceOptions options_;
  std::unique_ptr<ReadTools> tools_;  // outlives what is open
  OriginList list_;
  std::uint64_t total_bytes_ = 0;
  WaitingRoom room_;
  std::size_t next_ = 0;    // the first origin that was not opened yet
  std::vector<Open> open_;  // a heap, the one that is due on top
  BatchBuilder batch_;
  std::vector<std::uint32_t> ended_;
};

}  // namespace trailwarden::ingest
