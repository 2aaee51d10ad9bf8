#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "stream/log.h"

namespace trailwarden::stream {

/// What is to be kept of one source, in place of what was kept before, as soon as enough of its batch is committed.
struct SourceMark {
  std::size_t messages = 0;          // due when this many messages of the batch are committed, and all batches before
  std::int64_t source = 0;           // the input source's own number for it
  std::optional<std::string> state;  // bytes that only the input source understands; none: the source is gone
};

/// What one poll of an input source brought. Reused.
struct InputBatch {
  MessageBatch batch;             // partition, offset and origin_id are the log's to set
  std::vector<SourceMark> marks;  // by `messages`, ascending
  bool drained = false;           // nothing more waits at present
  bool settling = false;          // something is there that may not be whole yet

  void clear() {
    batch.clear();
    marks.clear();
    drained = settling = false;
  }
};

/// Where an `EmbeddedLog` gets its input from (`ingest::FolderWatcher`, `ingest::QueueInput`). It is asked for everything once, and goes on
/// after a restart from the marks that were committed.
///
/// Threads: all calls from one thread, except `trouble` and `wake`.
class InputSource {
 public:
  virtual ~InputSource() = default;

  /// Tells what was kept of one source. Before the first poll, once for each. What it does not understand it passes
  /// over.
  virtual void restore(std::int64_t source, std::string_view state) = 0;

  /// Waits at most `wait` for input, and fills `input` (emptied first) with some of it; what is wrong with one source
  /// travels as `Message::fault`. An error: there will never be input.
  virtual Result<void> poll(std::chrono::milliseconds wait, InputBatch& input) = 0;

  /// A mark that `poll` gave is committed, and with it all messages before it: what it was read from need not be kept for us
  /// any longer. Each mark once, in their order, behind the commit; of one that ended in doubt when that is settled. A process
  /// that dies in between is told nothing: the next one finds the mark with `restore`.
  virtual void committed(const SourceMark& mark) { (void)mark; }

  /// What hinders reading at present; empty if nothing does. Any thread.
  virtual std::string trouble() const = 0;
  /// Makes a waiting `poll` return, or the next one if none waits. Any thread, signal handlers excepted.
  virtual void wake() = 0;
};

}  // namespace trailwarden::stream
