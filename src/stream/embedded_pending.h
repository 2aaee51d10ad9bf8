#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>

#include "core/result.h"
#include "stream/embedded_input.h"

namespace trailwarden::stream {

/// Input that was read and is not committed: numbered, in order, with what its sources want kept. Memory: what it
/// holds. Not thread-safe.
class PendingInput {
 public:
  /// `next_offset`: of the first message to come.
  explicit PendingInput(std::int64_t next_offset) : begin_(next_offset), end_(next_offset), given_(next_offset) {}

  /// Takes what was polled and numbers its messages on.
  void add(InputBatch input);

  /// Fills `batch` (emptied first) with messages that were not given since the last `give_again`, as they were cut.
  /// False if there are none.
  bool give(MessageBatch& batch);
  void give_again() { given_ = begin_; }

  /// Of what is here: [begin, end).
  std::int64_t begin() const { return begin_; }
  std::int64_t end() const { return end_; }
  std::size_t bytes() const { return bytes_; }
  /// Whether marks are due without any further message.
  bool has_due_marks() const;

  /// Messages below `next_offset`, as runs of one batch each, and the marks due with them, in their order. Ends with
  /// the first error.
  Result<void> each_run(std::int64_t next_offset, const std::function<Result<void>(std::span<const Message>)>& take_run,
                        const std::function<Result<void>(const SourceMark&)>& take_mark) const;
  /// Forgets them.
  void drop(std::int64_t next_offset);

 private:
  struct Chunk {
    std::int64_t first = 0;  // offset of input.batch.messages[0]
    InputBatch input;
    std::int64_t end() const { return first + std::ssize(input.batch.messages); }
  };

  std::deque<Chunk> chunks_;
  std::int64_t begin_, end_, given_;
  std::size_t bytes_ = 0;
};

}  // namespace trailwarden::stream
