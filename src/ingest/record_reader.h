#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "event/decoder.h"
#include "ingest/unwrap.h"
#include "stream/log.h"

namespace trailwarden::ingest {

/// Takes what a `RecordReader` finds, in order. Every record of a message is told exactly once, by one of `accept`, `refuse` and `skip`.
class RecordSink {
 public:
  virtual ~RecordSink() = default;

  /// Where to decode the next record. What stands there counts only once `accept` is called.
  virtual event::CloudTrailEvent& next() = 0;
  /// The record at `next()` is good. `byte_offset`: of its first byte in the origin.
  virtual void accept(std::uint64_t byte_offset) = 0;
  /// A record that cannot be judged; `raw`: its bytes as received.
  virtual void refuse(event::Refusal refusal, std::string_view raw, std::uint64_t byte_offset) = 0;
  /// A record or document that is recognised and not for judging.
  virtual void skip(Skip skip, std::string_view raw, std::uint64_t byte_offset) = 0;
};

/// Finds the records in a message's value, whatever its form, and decodes them.
///
/// The fast way indexes the whole value once and decodes bare records (JSON lines, or values one after another) and `{"Records":[...]}`
/// straight from that index. Whatever does not fit costs only itself: a damaged line is judged alone, other containers go
/// through `unwrap`, and their parts are decoded one by one.
///
/// Cost: the decoder's, plus nothing measurable. Not thread-safe: one a thread.
class RecordReader {
 public:
  explicit RecordReader(event::Decoder::Limits limits = {}) : decoder_(limits) {}

  /// Views in accepted events point into the message's value or into `arena`.
  void read(const stream::Message& message, event::Arena& arena, RecordSink& sink);

 private:
  class Reading;

  event::Decoder decoder_;   // has an index of its own, for parts that are judged alone
  event::TokenIndex index_;  // of a message's value
};

}  // namespace trailwarden::ingest
