#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/time.h"

namespace trailwarden::aws {

/// A message as it was received, once or again.
struct QueuedMessage {
  std::string id;      // the same each time
  std::string handle;  // another one each time; the newest is good for `remove` and `hide`
  std::string body;
  AppendTime sent{};   // when it came into the queue
};

/// A queue that gives each message at least once, in any order: received, a message is hidden from others for a while, and comes again
/// unless it is removed before. Every member may be called from several threads at a time.
class MessageQueue {
 public:
  static constexpr std::size_t kMost = 10;  // messages of one call

  virtual ~MessageQueue() = default;

  /// At most `kMost` messages, hidden for `hidden` from now on; waits for the first one for at most `wait` <= 20 s.
  virtual Result<std::vector<QueuedMessage>> receive(std::chrono::seconds wait, std::chrono::seconds hidden) = 0;
  /// Removes the messages of at most `kMost` handles. Gives the positions of those that the queue does not know any more.
  virtual Result<std::vector<std::size_t>> remove(std::span<const std::string> handles) = 0;
  /// Hides them for `hidden` from now on; 0 s: they come again at once. As above. SQS hides no message for more than 12 h in all.
  virtual Result<std::vector<std::size_t>> hide(std::span<const std::string> handles, std::chrono::seconds hidden) = 0;

  /// Ends what is under way, which then fails, and lets nothing wait for long any more. Any thread.
  virtual void interrupt() = 0;
  /// What a person calls it.
  virtual std::string name() const = 0;
};

}  // namespace trailwarden::aws
