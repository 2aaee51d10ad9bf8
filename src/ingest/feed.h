#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/time.h"
#include "ingest/document_stream.h"
#include "ingest/sorted_parts.h"
#include "stream/log.h"

namespace trailwarden::ingest {

/// Who messages come from, and what all of them say of it.
struct Sender {
  std::shared_ptr<const std::string> name;
  std::uint32_t id = 0;
  std::optional<AppendTime> append_time;
  std::uint64_t in_batch = 0;  // number of the batch that holds the name already
};

/// Fills a message batch up to its size, which the messages alone decide.
class BatchBuilder {
 public:
  static constexpr std::size_t kBytes = 256 * 1024;
  static constexpr std::size_t kMessages = 1024;

  /// Starts on an empty batch. Offsets go on from batch to batch.
  void begin(stream::MessageBatch& batch);
  /// A chunk is cut a little below its target, so three quarters are enough.
  bool full() const { return bytes_ >= kBytes / 4 * 3 || batch_->messages.size() >= kMessages; }
  bool empty() const { return batch_->messages.empty(); }

  /// `slice.hold` keeps the value alive.
  void add(Sender& sender, const Slice& slice);
  void add_source_bytes(std::uint64_t bytes) { batch_->source_bytes += bytes; }

 private:
  stream::MessageBatch* batch_ = nullptr;
  std::uint64_t batch_number_ = 0;
  std::size_t bytes_ = 0;
  std::int64_t next_offset_ = 0;
};

/// How far a feed may go before another one is due.
struct Limit {
  Timestamp time = kEndOfTime;
  bool inclusive = true;  // whether it goes first at `time` itself
  bool none = true;       // nobody else is there, and nobody will be

  bool allows(Timestamp other) const { return none || other < time || (other == time && inclusive); }
};

/// One open origin in the merge: messages at times that never go back.
class Feed {
 public:
  virtual ~Feed() = default;

  /// Of the next message.
  Timestamp time() const { return time_; }
  bool ended() const { return ended_; }

  /// Adds messages until the batch is full, the limit is reached or the origin ends.
  virtual void deliver(const Limit& limit, BatchBuilder& batch) = 0;

  /// Bytes taken so far from where the origin is stored.
  std::uint64_t taken() const { return stream_ ? stream_->taken() : taken_; }
  /// How much to read at a time from now on, where there is a choice.
  void set_chunk_bytes(std::size_t bytes) { chunk_bytes_ = bytes; }
  void rest() {
    if (stream_) stream_->rest();
  }

 protected:
  Feed(Timestamp time, Sender sender, std::unique_ptr<DocumentStream> stream,
       std::size_t chunk_bytes = DocumentStream::kChunkBytes)
      : time_(time), sender_(std::move(sender)), stream_(std::move(stream)), chunk_bytes_(chunk_bytes) {}

  bool next_slice(Slice& slice) { return stream_->next(slice, chunk_bytes_); }
  bool has_stream() const { return stream_ != nullptr; }
  /// When everything was read, before it was all delivered.
  void close_stream() {
    taken_ = stream_->taken();
    stream_.reset();
  }

  Timestamp time_;
  bool ended_ = false;
  Sender sender_;

 private:
  std::unique_ptr<DocumentStream> stream_;
  std::size_t chunk_bytes_;
  std::uint64_t taken_ = 0;
};

/// An origin that stands at one time as a whole: a delivered file at its stamp.
std::unique_ptr<Feed> feed_at(Timestamp time, Sender sender, std::unique_ptr<DocumentStream> stream);

/// An origin that could not be opened: a message that says why.
std::unique_ptr<Feed> feed_of_fault(Timestamp time, Sender sender, const Error& error);

/// An origin without a stamp. Lines stay in their order, each at the largest eventTime so far. Other documents are
/// taken apart and their records put in order of eventTime, all of a document, and of documents one after another as
/// many as come to 64 MiB; what has no time stays behind what it followed. `position`: where it begins, by
/// `find_position`. `room` outlives it.
std::unique_ptr<Feed> feed_by_time(Timestamp position, Sender sender, std::unique_ptr<DocumentStream> stream,
                                   std::size_t chunk_bytes, WaitingRoom& room);

/// Where an origin without a stamp begins: the first eventTime of its first chunk of lines, or the earliest one of its
/// documents. kBeginningOfTime if there is none.
Timestamp find_position(DocumentStream& stream);

}  // namespace trailwarden::ingest
