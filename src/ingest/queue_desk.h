#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "aws/message_queue.h"
#include "core/time.h"

namespace trailwarden::ingest {

/// Receives the messages of several queues, keeps them hidden from others while somebody works on them, and removes them when told.
///
/// - A queue is asked again at once; with short waits (1 s) as long as it gives something and until it was empty twice in a row, then with long ones (20 s).
/// - A message is hidden anew when half of its time is over. Should it come again all the same, it is still the same message.
/// - What a queue refuses is tried again after 1 s, then twice as long, up to a minute; `trouble` says why.
/// - At the end, what was finished is removed and the rest is given back, so that others need not wait for it: for at most 2 s.
///
/// Memory: at most about `most_held` messages, whose texts have at most about `most_bytes` together. Clock: the steady one, unless given another.
/// Threads: one for each queue, and one that hides and removes. All members from any thread.
class QueueDesk {
 public:
  using Clock = std::chrono::steady_clock;

  struct Options {
    std::size_t most_held = 5000;
    std::size_t most_bytes = std::size_t{64} << 20;
    std::function<void()> on_news{};              // something came, or a queue has become empty
    std::function<Clock::time_point()> now = Clock::now;
  };
  struct Source {
    std::shared_ptr<aws::MessageQueue> queue;
    std::chrono::seconds hidden{300};  // its messages, each time
  };
  /// A message that came.
  struct Arrival {
    std::uint64_t number = 0;  // ours, as long as it is held
    std::size_t queue = 0;
    std::string id, body;
    Timestamp sent{};
  };

  QueueDesk(std::vector<Source> sources, Options options);
  ~QueueDesk();
  QueueDesk(const QueueDesk&) = delete;
  QueueDesk& operator=(const QueueDesk&) = delete;

  /// Begins; without it `receive` and `attend` have to be called.
  void start();

  /// What came since the last time; and whether more may come at once: the last answer of some queue had messages, and there is room for more.
  struct Taken {
    std::vector<Arrival> arrivals;
    bool more_at_once = false;
  };
  Taken take();
  /// All is done with it that can be done: it will be removed.
  void finish(std::uint64_t number);
  /// It is let go, and comes again when its time is over, here or elsewhere.
  void leave(std::uint64_t number);

  /// Every queue was empty twice in a row, and all that came was taken.
  bool is_empty() const;
  std::size_t held() const;
  /// When the oldest message that is held came into its queue.
  std::optional<AppendTime> oldest() const;
  std::string trouble() const;
  std::string name(std::size_t queue) const { return queues_[queue].source.queue->name(); }

  /// One turn: asks a queue, if it is time and there is room. False if it was not.
  bool receive(std::size_t queue);
  /// One turn: hides and removes what is due.
  void attend();

 private:
  struct Held {
    std::size_t queue = 0;
    std::string id, handle;
    AppendTime sent{};
    std::size_t bytes = 0;  // of its text
    Clock::time_point hidden_until;
    bool finished = false;
  };
  struct Trouble {
    std::string what;
    Clock::time_point retry_at{};
    std::chrono::seconds wait{0};
  };
  struct Queue {
    Source source;
    int empty_answers = 0;
    bool flowing = false;
    Trouble receiving, removing, hiding;
  };
  struct Batch {
    std::size_t queue = 0;
    std::vector<std::uint64_t> numbers;
    std::vector<std::string> handles;
  };

  void run_receiver(std::size_t queue);
  void run_attendant();
  void admit(std::size_t queue, std::vector<aws::QueuedMessage> messages, Clock::time_point asked);
  std::vector<Batch> batches(const std::function<bool(const Held&)>& which);
  void remove(const Batch& batch);
  void hide(const Batch& batch);
  void erase(std::uint64_t number);
  bool has_room() const { return held_.size() < options_.most_held && held_bytes_ < options_.most_bytes; }
  void end();
  void failed(Trouble& trouble, std::string what);

  const Options options_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_ = false;

  mutable std::mutex mutex_;  // for all below
  std::condition_variable changed_;
  std::vector<Queue> queues_;
  std::map<std::uint64_t, Held> held_;
  std::map<std::pair<std::size_t, std::string>, std::uint64_t> numbers_;  // by queue and id
  std::multimap<AppendTime, std::uint64_t> by_age_;
  std::vector<Arrival> arrivals_;
  std::size_t held_bytes_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace trailwarden::ingest
