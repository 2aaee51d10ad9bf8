#pragma once

#include <string>
#include <vector>

#include "notify/book.h"
#include "notify/message.h"

namespace trailwarden::notify {

/// Carries messages to sinks. One message of a sink at a time; the sinks do not wait for one another.
class Courier {
 public:
  struct Result {
    std::string sink, id;
    Sent sent;
  };

  virtual ~Courier() = default;
  /// Returns at once. The sink has no message under way.
  virtual void carry(Message message) = 0;
  /// What became of messages since the last call.
  virtual std::vector<Result> results() = 0;
  /// Ends what is under way, within seconds; what was not said by then is tried again after a restart. Nothing is carried afterwards.
  virtual void end() = 0;
};

}  // namespace trailwarden::notify
