#include "core/line_writer.h"

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <poll.h>
#include <string_view>
#include <unistd.h>

#include "core/thread.h"

namespace trailwarden {
namespace {

/// Writes all of `text`, however long that takes; false if the descriptor refuses.
bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // whoever gave us the pipe made it non-blocking
      pollfd wait{descriptor, POLLOUT, 0};
      ::poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

struct LineWriter::State {
  State(int fd, Bounds limits, OnLoss loss) : descriptor(fd), bounds(limits), on_loss(std::move(loss)) {}

  const int descriptor;
  const Bounds bounds;
  const OnLoss on_loss;
  std::mutex mutex;  // for all below
  std::condition_variable changed;
  std::deque<std::string> lines;
  std::size_t bytes = 0;            // of `lines`
  std::uint64_t dropped = 0;        // ever
  std::uint64_t dropped_said = 0;   // of them, told to on_loss
  bool started = false;
  bool busy = false;  // the thread is at a line or in on_loss
  bool stopped = false;

  bool has_work() const { return !lines.empty() || dropped_said != dropped; }
  void run();
  void write_next(std::unique_lock<std::mutex>& lock);
  void say_loss(std::unique_lock<std::mutex>& lock);
};

void LineWriter::State::run() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return stopped || has_work(); });
    if (stopped) return;
    busy = true;
    if (!lines.empty()) write_next(lock);
    else say_loss(lock);
    busy = false;
    if (!has_work()) changed.notify_all();
  }
}

void LineWriter::State::write_next(std::unique_lock<std::mutex>& lock) {
  const std::string line = std::move(lines.front());
  lines.pop_front();
  bytes -= line.size();
  lock.unlock();
  const bool written = write_all(descriptor, line);
  lock.lock();
  if (written) return;
  // Nobody is there to be told.
  ++dropped;
  ++dropped_said;
}

void LineWriter::State::say_loss(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t lost = dropped - dropped_said;
  dropped_said = dropped;
  lock.unlock();
  on_loss(lost);
  lock.lock();
}

LineWriter::LineWriter(int descriptor, Bounds bounds, OnLoss on_loss) : state_(std::make_shared<State>(descriptor, bounds, std::move(on_loss))) {}

LineWriter::~LineWriter() {
  const std::lock_guard lock(state_->mutex);
  state_->stopped = true;
  state_->changed.notify_all();
}

void LineWriter::push(std::string line) {
  const std::lock_guard lock(state_->mutex);
  State& state = *state_;
  if (!state.started) {
    auto thread = start_thread("log", [kept = state_] { kept->run(); });
    state.started = thread.has_value();
    if (thread) thread->detach();
  }
  if (!state.started || state.lines.size() >= state.bounds.lines || state.bytes + line.size() > state.bounds.bytes) {
    ++state.dropped;
    return;
  }
  state.bytes += line.size();
  state.lines.push_back(std::move(line));
  state.changed.notify_all();
}

bool LineWriter::flush(std::chrono::milliseconds limit) const {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, limit, [this] { return !state_->started || (!state_->busy && !state_->has_work()); });
}

std::uint64_t LineWriter::dropped() const {
  const std::lock_guard lock(state_->mutex);
  return state_->dropped;
}

}  // namespace trailwarden
