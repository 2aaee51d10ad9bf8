#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/time.h"

namespace trailwarden::ingest {

/// What an object was read as: 128 bits of SHA-256 of its bucket, key and ETag. Written once more with other content, it is another one.
using ObjectIdentity = std::pair<std::uint64_t, std::uint64_t>;
ObjectIdentity identity_of(std::string_view bucket, std::string_view key, std::string_view etag);

/// An object, or a message that is none, and how far it was read.
struct QueueObject {
  std::int64_t id = 0;
  ObjectIdentity identity{};
  Timestamp sent{};            // when the message that told of it came into its queue
  std::uint64_t position = 0;  // in the inflated object: everything before was given
  bool done = false;           // read to its end
  bool operator==(const QueueObject&) const = default;
};

/// What is kept of it.
std::string encode(const QueueObject& object);
/// nullopt if another version wrote it, or another input source.
std::optional<QueueObject> decode_queue_object(std::int64_t id, std::string_view state);

/// Objects that were read, so that a message that comes again is known. Kept for `kept_for` of the messages' own time (SQS keeps a message for at most 14 days), and
/// at most `most` of them: the oldest go first. About 150 bytes each.
class QueueObjectTable {
 public:
  static constexpr std::chrono::seconds kKeptFor = std::chrono::hours{14 * 24};
  static constexpr std::size_t kMost = 1'000'000;

  explicit QueueObjectTable(std::size_t most = kMost) : most_(most) {}

  const QueueObject* find(const ObjectIdentity& identity) const;
  /// Adds or replaces; an id of 0 is replaced by a new one. Gives the id.
  std::int64_t put(QueueObject object);
  /// `id` is somebody else's: new ones are greater.
  void pass_over(std::int64_t id) { last_id_ = std::max(last_id_, id); }
  /// Forgets the oldest ones that need not be kept any longer; gives the ids of at most `most` of them.
  std::vector<std::int64_t> forget(std::size_t most);
  std::size_t size() const { return objects_.size(); }

 private:
  struct Hash {
    std::size_t operator()(const ObjectIdentity& identity) const { return static_cast<std::size_t>(identity.first); }
  };

  const std::size_t most_;
  std::unordered_map<ObjectIdentity, QueueObject, Hash> objects_;
  std::multimap<Timestamp, ObjectIdentity> by_age_;
  std::int64_t last_id_ = 0;
};

}  // namespace trailwarden::ingest
