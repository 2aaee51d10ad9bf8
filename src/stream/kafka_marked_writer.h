#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "stream/kafka_options.h"

namespace trailwarden::stream {

/// Writes messages to a topic together with a mark, a number that says how far the writer has come: both become visible, or neither. A writer that comes
/// after one that died learns from the mark what of its messages there is.
///
/// The mark is the offset that a group without members, `name`, commits for partition 0 of the topic in the messages' transaction; the transactional id has the
/// same name, so that a second writer fences off the first. Brokers forget it when nobody has written for `offsets.retention.minutes` (7 days).
/// Readers must be read_committed; what was rolled back is seen by others.
///
/// Threads: one.
class KafkaMarkedWriter {
 public:
  /// kInvalidArgument with what the library says of the settings; asks nobody yet.
  static Result<std::unique_ptr<KafkaMarkedWriter>> create(KafkaConnection connection, std::string topic, std::string name);
  /// What was not committed is rolled back.
  ~KafkaMarkedWriter();

  struct Begun {
    std::string cluster;  // its id, which brokers give themselves
    std::optional<std::int64_t> mark;
  };
  /// Ends what another writer of this name may still have had under way, and says what the last mark is. Before anything else. kIo if that takes a minute, kNotFound
  /// without the topic.
  Result<Begun> begin();

  /// Takes copies. What goes wrong is said by `commit`. Commit within half a minute.
  void write(std::string_view key, std::string_view value);

  /// Makes what was written since the last commit visible, and the mark. An error: nothing of it is and will be, or nobody knows; this writer is of no more use,
  /// and another one's `begin` knows.
  Result<void> commit(std::int64_t mark);

 private:
  struct Parts;
  explicit KafkaMarkedWriter(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace trailwarden::stream
