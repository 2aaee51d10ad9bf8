#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "core/result.h"
#include "core/time.h"
#include "notify/book.h"
#include "notify/message.h"
#include "notify/notify_config.h"

namespace trailwarden::notify {

/// Somebody outside who is told. Owned by one thread. Secrets are read anew for each message, so that they may be changed while the service runs.
class Sink {
 public:
  virtual ~Sink() = default;

  /// Sends one message; blocks, for as long as the sink's `timeout`. Once `cancelled` is true it gives up within about a second. `now`: the calendar's.
  virtual Sent send(const Message& message, Timestamp now, const std::atomic<bool>& cancelled) = 0;
  /// What would be sent, for people; secrets are starred out.
  virtual std::string preview(const Message& message, Timestamp now) = 0;
};

/// The sink of a configuration. kNotFound where a secret cannot be read.
Result<std::unique_ptr<Sink>> open_sink(const SinkConfig& config);

/// `text` with every occurrence of a secret, and of the path of one that is a URL, starred out.
std::string redacted(std::string text, const std::vector<std::string>& secrets);

}  // namespace trailwarden::notify
