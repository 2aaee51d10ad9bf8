#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "core/time.h"
#include "ingest/record_reader.h"
#include "stream/log.h"
#include "trail/log_object.h"
#include "trail/object_store.h"
#include "trail/record_route.h"

namespace trailwarden::archive {

/// A trail that is written, and where to.
struct Destination {
  trail::TrailConfig trail;
  std::shared_ptr<trail::ObjectStore> store;
  trail::RecordRouter router;

  Destination(trail::TrailConfig config, std::shared_ptr<trail::ObjectStore> objects) : trail(std::move(config)), store(std::move(objects)), router(trail) {}
};

/// Where epochs end. They are kept with each commit: an epoch that was interrupted is gathered again by the rules that it began with, whatever the
/// configuration says by then.
struct EpochRules {
  std::chrono::seconds length{300};            // of the log's own time; divides an hour
  std::uint64_t most_bytes = 32'000'000;       // of messages
  bool operator==(const EpochRules&) const = default;
};

/// What became of the records of an epoch. read = archived + unwanted + skipped + unarchivable.
struct ArchiveCounts {
  std::uint64_t read = 0;
  std::uint64_t archived = 0;      // by one trail or more
  std::uint64_t unwanted = 0;      // no trail's selectors keep them
  std::uint64_t skipped = 0;       // digests, notifications: no records
  std::uint64_t unarchivable = 0;  // not JSON objects: no log file can hold them. The detector's dead letters do
  std::uint64_t fallback = 0;      // of the archived: those whose account or Region is not known
  bool operator==(const ArchiveCounts&) const = default;
  ArchiveCounts& operator+=(const ArchiveCounts& more);
};

/// Contiguous offsets [from, to) of one partition.
struct EpochRange {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t from = 0, to = 0;
  bool operator==(const EpochRange&) const = default;
};
/// `TOPIC/PARTITION/FROM-TO`.
std::string to_string(const EpochRange& range);
/// nullopt for text that is none.
std::optional<EpochRange> parse_epoch_range(std::string_view text);

/// The metadata of an object that says of which range it came.
inline constexpr const char* kEpochName = "epoch";

/// An object of an epoch, not deflated yet.
struct GatheredObject {
  std::size_t destination = 0;
  trail::ObjectKind kind = trail::ObjectKind::kLog;
  trail::Place place;
  std::string key;
  trail::LogBody body;
};

/// An epoch that has ended.
struct GatheredEpoch {
  EpochRange range;
  Timestamp delivered{};  // the end of its slot of the log's time: the stamp of its objects
  ArchiveCounts counts;
  std::vector<GatheredObject> objects;  // by destination, kind, account, Region, part
};

/// Gathers the records of one epoch: for each trail that keeps them one object an account and Region, or several where one would be too large.
///
/// Which records, in which order, under which key: a function of the log, the rules and the trails alone, so whoever gathers an epoch again writes the same
/// objects. An epoch begins with a message and ends before the first message, or tick, of a later slot of `rules.length`; or with the message by
/// which it has `rules.most_bytes`; or where the log has a cut (`stream::Cut`). Source: shared/spec/streaming.md 1.8 ("Exactly-once objects").
///
/// Memory: the records' texts, once for each trail that keeps them. Not thread-safe.
class Epoch {
 public:
  Epoch(std::span<const Destination> destinations, EpochRules rules, std::string topic, std::int32_t partition)
      : destinations_(destinations), rules_(rules), range_{std::move(topic), partition, 0, 0} {}

  bool empty() const { return !has_message_; }
  /// Whether what comes at `at` is of a later one. Never of an empty one, nor where the log has no clock.
  bool ends_before(std::optional<AppendTime> at) const;
  bool is_full() const { return bytes_ >= rules_.most_bytes; }
  std::uint64_t bytes() const { return bytes_; }
  const EpochRules& rules() const { return rules_; }

  void take(const stream::Message& message, ingest::RecordReader& reader, event::Arena& arena);
  /// The message is an alert of ours. One that carries an Insight is that record, as it was emitted; every other one is skipped.
  void take_alert(const stream::Message& message, ingest::RecordReader& reader, event::Arena& arena);

  /// What was gathered; the epoch is empty after it.
  GatheredEpoch close();

 private:
  class Sink;
  class AlertSink;
  using PartKey = std::tuple<std::size_t, trail::ObjectKind, std::string, std::string>;

  void begin(const stream::Message& message);
  void route(const event::CloudTrailEvent& event);
  void add(const trail::RecordRoute& route, std::size_t destination, std::string_view record, std::optional<Timestamp> event_time);

  std::span<const Destination> destinations_;
  EpochRules rules_;
  EpochRange range_;
  bool has_message_ = false;
  std::optional<Timestamp> slot_;  // its begin
  std::uint64_t bytes_ = 0;
  ArchiveCounts counts_;
  std::map<PartKey, std::vector<trail::LogBody>> bodies_;
};

}  // namespace trailwarden::archive
