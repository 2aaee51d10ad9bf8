#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "notify/message.h"
#include "notify/notify_config.h"

namespace trailwarden::notify {

/// What became of one try to send a message.
struct Sent {
  enum class Outcome : std::uint8_t {
    kDelivered,
    kLater,    // try again
    kRefused,  // it will not be taken however often it is tried
  } outcome = Outcome::kDelivered;
  std::string why;  // for people; no secret
  std::optional<std::chrono::seconds> not_before;  // the receiver asks for so much patience
};

/// A message that is given up, and why: "refused", "too_old", "attempts", "queue_full", "no_sink", "unreadable".
struct DeadLetter {
  std::string reason, detail;
  Message message;
};

/// What a book has to keep: records of a compacted topic, each of one partition of the alerts, and messages that were given up.
struct BookChanges {
  struct Record {
    std::int32_t partition = 0;
    std::string name;
    std::optional<std::string> value;  // none: forget it
  };
  std::vector<Record> records;
  std::vector<DeadLetter> dead;
};

/// What a sink has done since the book was made, and what waits for it now.
struct SinkStatus {
  std::uint64_t delivered = 0, failed = 0;  // tries
  std::uint64_t alerts = 0;                 // that were routed to it
  std::uint64_t held = 0;                   // alerts kept back by the rate limit, to be told of by number
  std::map<std::string, std::uint64_t> dead;  // messages, by reason
  std::uint64_t queue = 0;                  // messages that wait
  std::optional<AppendTime> oldest;         // of them
  std::string why;                          // why the last try did not work; empty if it did
};

/// Which messages there are, for whom and when: routes, groups, rate limits, retries. A function of what it is told: alerts, results and times.
///
/// What it knows belongs to partitions of the alerts, each part to the one whose alert made it, so that it can be kept and handed over with the partition's offset. Messages are due once
/// they are committed: what is sent is what a restart would send, under the same id.
///
///   group    opened by the first alert of a key; becomes a message when its window is over
///   rate     so many messages of a sink in a window, which begins with the first; what is more is counted, and told at the end of the window in one message
///   outbox   of each sink: in order; one that has to be tried again holds up those behind it
///   ends     of an Insight whose Start a sink with ends was told of go there too, past routes and rate limits
///
/// Cost: the bytes of what waits. Single-threaded. Time: the caller's.
class Book {
 public:
  explicit Book(const NotifyConfig& config);

  /// Alerts of a group that stand in its message; further ones are counted.
  static constexpr std::size_t kMostAlerts = 20;
  /// Of one alert in a message, and of one among several. What is longer is cut.
  static constexpr std::size_t kMostBytes = 200'000, kMostBytesOfSeveral = 24'000;

  void take(std::int32_t partition, std::string_view alert, AppendTime now);
  /// What time does: ends of windows, ages. `close_all`: groups end now.
  void advance(AppendTime now, bool close_all = false);

  /// Messages to be sent now, at most one a sink, and none of a sink that has not told what became of the last one.
  std::vector<Message> due(AppendTime now);
  /// What became of it. Nothing if it is not known any more.
  void settle(const std::string& sink, const std::string& id, const Sent& sent, AppendTime now);

  bool has_changes() const { return !dirty_.empty() || !dead_.empty(); }
  /// Since the last call; once committed, `committed` is called. If that fails, all is forgotten and loaded again.
  BookChanges changes();
  void committed();

  Result<void> load(std::int32_t partition, std::string_view name, std::string_view value);
  /// All but what was counted, and which sinks are at work: it is loaded again, as far as it is still ours. An alert of one partition may stand in a group of another, so there is no
  /// forgetting of one alone.
  void forget();

  std::map<std::string, SinkStatus> status() const;
  std::uint64_t unrouted() const { return unrouted_; }
  std::uint64_t unreadable() const { return unreadable_; }
  /// No group is open, and every message that waits was tried before.
  bool is_at_rest() const;

 private:
  struct Group {
    std::int32_t partition = 0;
    std::string sink, first_id;
    AppendTime opened{};
    std::vector<std::string> alerts;
    Counts more;
  };
  struct Window {
    AppendTime began{};
    std::uint64_t sent = 0;
    Counts held;
    std::string first_held;  // id of a message
  };
  struct Incident {
    std::int32_t partition = 0;
    AppendTime began{};
    event::Severity severity = event::Severity::kInformational;
    std::set<std::string> sinks;
  };
  struct Waiting {
    std::int32_t partition = 0;
    Message message;
    bool is_committed = false;
  };
  using Outbox = std::map<std::pair<std::uint64_t, std::int32_t>, Waiting>;  // by number: in order
  using Place = std::pair<std::int32_t, std::string>;  // partition, name of a record

  const SinkConfig* sink_of(const std::string& name) const;
  std::set<std::string> sinks_for(const AlertView& alert) const;
  std::optional<event::Severity> end_incident(const AlertView& alert, std::set<std::string>& sinks);
  void put(std::int32_t partition, const SinkConfig& sink, const AlertView& alert, std::string_view json, std::optional<event::Severity> began_as, AppendTime now);
  void join_group(std::int32_t partition, const SinkConfig& sink, const AlertView& alert, std::string_view json, AppendTime now);
  void close(const std::string& name, AppendTime now);
  void admit(std::int32_t partition, const SinkConfig& sink, Message message, AppendTime now);
  static void hold(Window& window, const Message& message);
  void end_window(const std::string& sink, AppendTime now);
  std::optional<AppendTime> window_began(const std::string& sink) const;
  void queue(std::int32_t partition, const SinkConfig& sink, Message message, AppendTime now);
  void give_up(std::int32_t partition, Message message, std::string reason, std::string detail);
  void remember(std::int32_t partition, const AlertView& alert, const std::set<std::string>& sinks, AppendTime now);
  void drop_old(AppendTime now);
  std::optional<std::string> value_of(const Place& place) const;
  void touch(std::int32_t partition, std::string name) { dirty_.emplace(partition, std::move(name)); }
  static Outbox::iterator find(Outbox& outbox, const std::string& id);
  void load_message(std::int32_t partition, ByteReader& in);
  void load_group(std::int32_t partition, const std::string& name, ByteReader& in);
  void load_window(std::int32_t partition, const std::string& sink, ByteReader& in);

  const NotifyConfig& config_;
  std::map<std::string, Group> groups_;                             // by name of their record
  std::map<std::pair<std::string, std::int32_t>, Window> windows_;  // by sink and partition: together they are the sink's
  std::map<std::string, Incident> incidents_;                       // by what Start and End share
  std::map<std::string, Outbox> outboxes_;                          // by sink
  std::set<std::string> in_flight_;                                 // sinks that were given a message
  std::uint64_t next_number_ = 1;
  std::set<Place> dirty_;
  std::vector<DeadLetter> dead_;
  std::map<std::string, SinkStatus> status_;  // without what waits
  std::uint64_t unrouted_ = 0, unreadable_ = 0;
};

}  // namespace trailwarden::notify
