#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "ingest/buffer_pool.h"
#include "ingest/byte_source.h"
#include "stream/log.h"

namespace trailwarden::ingest {

/// What is in memory of a byte source: a window that moves front to back.
class ByteWindow {
 public:
  /// `whole_bytes`: a source that is best read whole is, up to this size.
  ByteWindow(std::unique_ptr<ByteSource> source, BufferPool& pool, std::size_t whole_bytes);

  /// Reads until `bytes` unread ones are there, or the source ends.
  void ensure(std::size_t bytes);
  /// Reads on, when what is there was not enough: to the end if that is near, else twice as much, at most to `most`
  /// bytes.
  void ensure_more(std::size_t most);

  std::string_view unread() const { return {buffer_.data + begin_, end_ - begin_}; }
  /// Whether nothing follows what is unread.
  bool ended() const { return ended_; }
  /// Why it ended, if not by its end.
  const std::optional<Error>& failure() const { return failure_; }
  /// Of the first unread byte.
  std::uint64_t offset() const { return offset_; }

  void drop(std::size_t bytes);
  /// The first unread bytes, which stay where they are as long as `hold` is held.
  std::string_view take(std::size_t bytes, std::shared_ptr<const void>& hold);

  std::uint64_t taken() const { return source_->taken(); }
  void rest() { source_->rest(); }

 private:
  void make_room(std::size_t bytes);

  std::unique_ptr<ByteSource> source_;
  BufferPool& pool_;
  Buffer buffer_;
  std::size_t begin_ = 0, end_ = 0;  // what is unread of the buffer
  std::size_t whole_bytes_;
  bool fits_ = false;   // the buffer is as large as all that is expected
  bool given_ = false;  // somebody may hold the buffer
  bool ended_ = false;
  std::optional<Error> failure_;
  std::uint64_t offset_ = 0;
};

/// A part of an origin: JSON values one after another, whole, except where the origin is damaged.
struct Slice {
  std::string_view value;
  std::uint64_t byte_offset = 0;  // of value's first byte, in the inflated origin
  std::shared_ptr<const void> hold;
  stream::SourceFault fault = stream::SourceFault::kNone;
  std::string fault_detail;
};

/// Cuts one origin into slices. How it is framed is found by looking at its beginning:
///   lines: the first line is a complete JSON value and another line follows (or it is not, but the lines behind it
///   are: a damaged
///          first line). Slices are whole lines, up to the target size; the file may have any length.
///   values: anything else that begins like JSON: one document, pretty-printed ones, values without newlines,
///   LookupEvents output
///          whether in lines or not (it runs backwards in time). Slices are whole values; a small one may hold several.
///   foreign: no JSON. One slice with the first line, to be refused, and no more.
/// Where slices end depends on the bytes alone, never on how they were read.
///
/// A line or value over `max_document_bytes` becomes a slice with a fault, and is passed over. Reading errors and
/// damaged gzip become a last slice with a fault, behind everything before them.
class DocumentStream {
 public:
  enum class Framing : std::uint8_t { kLines, kValues, kForeign };

  static constexpr std::size_t kChunkBytes = 256 * 1024;

  struct Options {
    std::size_t max_document_bytes = std::size_t{256} << 20;
    std::size_t whole_bytes = std::size_t{64} << 20;  // see ByteWindow
  };

  DocumentStream(std::unique_ptr<ByteSource> source, BufferPool& pool, Options options);

  Framing framing();

  /// The next slice: lines or values of about `target` bytes together, or one that is larger. False at the end.
  bool next(Slice& slice, std::size_t target = kChunkBytes);

  /// Bytes taken so far from where the origin is stored.
  std::uint64_t taken() const { return window_.taken(); }
  void rest() { window_.rest(); }

 private:
  Framing sniff();
  Framing framing_behind_value(std::size_t end);
  Framing framing_behind_line(std::size_t newline, bool in_string);
  bool lines_follow(std::size_t newline, bool all) const;

  char drop_all(std::string_view space);
  char byte_behind_space(std::size_t& at, std::string_view space);
  bool next_lines(Slice& slice, std::size_t target);
  bool next_long_line(Slice& slice, std::size_t target);
  bool next_values(Slice& slice, std::size_t target);
  std::size_t values_end(std::size_t target);
  bool ends_well(std::size_t begin, std::size_t end);
  std::size_t damaged_end(std::size_t end);
  std::size_t value_end_within(std::size_t begin, std::size_t most);
  bool next_garbage(Slice& slice, std::size_t target);
  bool next_endless_value(Slice& slice);
  bool last_fault(Slice& slice);
  bool give(Slice& slice, std::size_t bytes);
  void too_large(Slice& slice, const char* what);

  Options options_;
  ByteWindow window_;
  std::optional<Framing> framing_;
  bool foreign_given_ = false, over_ = false;
};

/// The next slice behind `skip_to`, a position where a slice ended when this origin was read before. Slices end where the bytes say, so they end
/// where they did; should another version cut them otherwise, the rest of one is given. False at the end.
bool next_behind(DocumentStream& stream, std::uint64_t skip_to, Slice& slice);
/// Where a slice ends. A fault may have no bytes, and counts as given all the same.
std::uint64_t end_of(const Slice& slice);
/// Whether nothing stands in it.
bool is_blank(const Slice& slice);

}  // namespace trailwarden::ingest
