#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"
#include "stream/log.h"

namespace trailwarden::app {

/// Where `forward` sends messages.
class ForwardTarget {
 public:
  virtual ~ForwardTarget() = default;

  /// What follows is from this message of the input.
  virtual void begin(const stream::Message&) {}
  /// The next record, or whatever else its text holds: whether it is to be sent.
  virtual bool step() { return true; }
  virtual Result<void> write(std::string_view key, std::string_view value) = 0;
  /// All messages of a batch of the input were read.
  virtual Result<void> taken() { return {}; }
  /// What was written is there, or the error.
  virtual Result<void> finish() = 0;

  virtual std::uint64_t acknowledged() const = 0;
  virtual std::uint64_t failed() const = 0;
  /// What else is to be said at the end.
  virtual std::string remark() const { return {}; }
};

}  // namespace trailwarden::app
