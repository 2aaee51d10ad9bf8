#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"
#include "stream/log.h"

struct libdeflate_compressor;
struct libdeflate_decompressor;

namespace trailwarden::stream {

/// Input messages as a row of an `EmbeddedLog`'s journal keeps them: what is decoded equals what was encoded, but for
/// `source_bytes`; partition, offset and headers are not part of it.
///
/// Format 1: the byte 1, the size of the text (8 bytes, little-endian), the text as one gzip member. The text: the
/// number of messages (4 bytes); for each a head of fixed size; then for each its origin (unless it is that of the
/// message before), key, fault detail and value.
///
/// Why deflate: level 1 of libdeflate makes an eighth of CloudTrail records at 500 MB/s, which is above what the engine
/// takes in. zstd would make an eleventh, and be one more library. Why gzip around it: its CRC tells a damaged row.
///
/// Not thread-safe: one a thread. Memory: a row's text and its compressed form.
class JournalRow {
 public:
  JournalRow();

  /// Replaces `row`.
  void encode(std::span<const Message> messages, std::string& row);

  /// Replaces `batch`'s messages; the first one gets `first_offset`. kMalformed if `encode` did not write the row.
  Result<void> decode(std::string_view row, std::int64_t first_offset, MessageBatch& batch);
  /// The same of the text itself, before it is deflated; for tests.
  Result<void> decode_text(std::string_view text, std::int64_t first_offset, MessageBatch& batch);

 private:
  struct Free {
    void operator()(libdeflate_compressor* compressor) const;
    void operator()(libdeflate_decompressor* decompressor) const;
  };
  std::unique_ptr<libdeflate_compressor, Free> compressor_;
  std::unique_ptr<libdeflate_decompressor, Free> decompressor_;
};

}  // namespace trailwarden::stream
