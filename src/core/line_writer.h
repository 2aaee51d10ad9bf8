#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace trailwarden {

/// Writes lines to a file descriptor from a thread of its own, so that a pipe nobody reads blocks that thread and no other.
///
/// Bounds: `Bounds`; a line that does not fit is dropped and counted, those before it are kept. When the queue has been written and lines were
/// dropped, `on_loss` is called with how many, on the writing thread; it may push. A line that the descriptor refuses (EPIPE) is dropped and counted,
/// and not told.
/// Thread-safe. The thread starts with the first line. The destructor drops what waits and does not wait: a write that blocks ends when it can,
/// so the descriptor must stay what it is, and `on_loss` callable, for as long as the program runs.
/// Why not spdlog 1.10's asynchronous logger: its `flush` does not wait, and its end does for ever, if the pipe is full.
class LineWriter {
 public:
  struct Bounds {
    std::size_t lines = 8192;
    std::size_t bytes = 8 << 20;
  };
  using OnLoss = std::function<void(std::uint64_t lines)>;

  LineWriter(int descriptor, Bounds bounds, OnLoss on_loss);
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  /// Queues `line`, which ends with its newline. Never waits for the descriptor.
  void push(std::string line);

  /// Waits until everything pushed before is written; false if `limit` passes first.
  bool flush(std::chrono::milliseconds limit) const;

  /// Lines dropped so far.
  std::uint64_t dropped() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the thread, which may outlive this
};

}  // namespace trailwarden
