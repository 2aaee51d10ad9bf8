#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <set>
#include <string>

#include "stream/log.h"
#include "testing/sim_client.h"

namespace trailwarden::testing {

/// Who commits offsets: what fences by generation.
struct SimGroupMetadata {
  std::string group, member;
  std::int32_t generation = 0;
};

/// The transactional producer of one client. After an end of a transaction whose outcome is unknown it has no epoch; the next one must be taken
/// before anything is read that the outcome decides about (D8).
class SimWriter {
 public:
  SimWriter(SimClient& client, std::string transactional_id, std::chrono::milliseconds timeout)
      : client_(client), transactional_id_(std::move(transactional_id)), timeout_(timeout) {}

  /// Takes an epoch if there is none: nothing of earlier epochs can become visible any more that is not already.
  SimError initialise(std::chrono::milliseconds patience);

  /// Sends it now, or with the commit. What goes wrong is kept until then.
  void append(stream::Outgoing message);
  bool has_work() const { return open_ || !queue_.empty() || failed_ != SimError::kNone; }

  /// kNone: visible. Otherwise everything is dropped, or in doubt until `initialise`.
  SimError commit(const SimProgress& progress, const SimGroupMetadata& member);
  /// Drops everything since the last commit.
  void abort();

  /// Somebody else initialised our transactional id.
  bool fenced() const { return fenced_; }

 private:
  SimError try_commit(const SimProgress& progress, const SimGroupMetadata& member);
  SimError end(bool commit);
  SimError add_offsets(const SimProgress& progress, const SimGroupMetadata& member);
  SimError send_queue(std::chrono::milliseconds patience);
  SimError send(const stream::Outgoing& message, std::chrono::milliseconds patience);
  std::optional<SimTopicPartition> target(const stream::Outgoing& message);
  void settle(SimError error);
  void forget();

  SimClient& client_;
  std::string transactional_id_;
  std::chrono::milliseconds timeout_;
  std::optional<SimProducer> producer_;  // none: never initialised, or in doubt
  std::deque<stream::Outgoing> queue_;
  std::set<SimTopicPartition> added_;  // to the transaction that is open
  bool open_ = false;
  SimError failed_ = SimError::kNone;  // the first thing that went wrong since the last commit
  bool fenced_ = false;
};

}  // namespace trailwarden::testing
