#include "archive/manifest_check.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <optional>
#include <tuple>
#include <unordered_set>

#include <fmt/format.h>

#include "core/hash.h"
#include "core/text.h"
#include "stream/topic_scan.h"
#include "trail/object_check.h"
#include "trail/patiently.h"
#include "trail/trail_listing.h"
#include "trail/worker_threads.h"

namespace trailwarden::archive {
namespace {

using Kind = ManifestProblem::Kind;
using PartitionName = std::pair<std::string, std::int32_t>;

/// The manifest, read from its beginning.
class Manifest {
 public:
  struct Object {
    trail::DigestedLog log;
    Timestamp delivered{};
  };

  Manifest(ManifestReport& report, bool begins_late) : report_(report), begins_late_(begins_late) {}

  void take(const stream::Message& message) {
    const auto record = parse_manifest_record(message.value);
    if (!record) return report_.add({Kind::kMalformed, fmt::format("manifest {}@{}", message.partition, message.offset), record.error().message});
    if (const auto* const object = std::get_if<ManifestObject>(&*record)) take(*object);
    if (const auto* const epoch = std::get_if<ManifestEpoch>(&*record)) take(*epoch);
    if (const auto* const progress = std::get_if<ManifestProgress>(&*record)) delivered_until_[{progress->topic, progress->partition}] = progress->delivered;
  }

  const std::map<std::string, std::vector<Object>>& objects() const { return objects_; }
  /// Offsets between two epochs.
  const std::vector<EpochRange>& holes() const { return holes_; }
  /// Of any trail: two may lie in one place.
  bool has(std::string_view key) const { return keys_.contains(xxh3_64(key)); }
  /// What was delivered before is not in the manifest any more.
  Timestamp oldest() const { return begins_late_ ? oldest_ : kBeginningOfTime; }
  std::map<PartitionName, ManifestPartition>& partitions() { return partitions_; }
  /// What comes of this partition is delivered after it.
  Timestamp delivered_until(const PartitionName& name) const {
    const auto found = delivered_until_.find(name);
    return found == delivered_until_.end() ? kBeginningOfTime : found->second;
  }
  const std::map<trail::Place, Timestamp>& logs_since(const std::string& trail) { return logs_since_[trail]; }
  Timestamp delivered_until() const {
    Timestamp until = kEndOfTime;
    for (const auto& [name, time] : delivered_until_) until = std::min(until, time);
    return until;
  }

 private:
  void take(const ManifestObject& object) {
    ++objects_of_epoch_[to_string(object.epoch)];
    oldest_ = std::min(oldest_, object.delivered);
    if (!keys_.insert(xxh3_64(object.key)).second) return report_.add({Kind::kTwice, object.key, to_string(object.epoch)});
    if (object.kind == trail::ObjectKind::kLog) {
      const auto first = logs_since_[object.trail].try_emplace(object.place, object.delivered).first;
      first->second = std::min(first->second, object.delivered);
    }
    objects_[object.trail].push_back({{object.bucket, object.key, object.sha256, object.oldest, object.newest}, object.delivered});
  }

  void take(const ManifestEpoch& epoch) {
    const EpochRange& range = epoch.epoch;
    ManifestPartition& known = partitions_[{range.topic, range.partition}];
    const auto node = objects_of_epoch_.extract(to_string(range));
    const std::uint64_t objects = node.empty() ? 0 : node.mapped();
    const bool may_be_cut = begins_late_ && known.epochs == 0;
    if (objects != epoch.objects && !may_be_cut) report_.add({Kind::kMiscounted, to_string(range), fmt::format("{} of {} objects are in the manifest", objects, epoch.objects)});
    if (known.epochs > 0 && range.from < known.to) report_.add({Kind::kOverlap, to_string(range), fmt::format("the epoch before went to {}", known.to)});
    if (known.epochs > 0 && range.from > known.to) holes_.push_back({range.topic, range.partition, known.to, range.from});
    if (known.epochs++ == 0) std::tie(known.topic, known.partition, known.from) = std::tie(range.topic, range.partition, range.from);
    known.to = std::max(known.to, range.to);
    known.counts += epoch.counts;
    delivered_until_[{range.topic, range.partition}] = epoch.delivered;
  }

  ManifestReport& report_;
  const bool begins_late_;
  Timestamp oldest_ = kEndOfTime;
  std::map<std::string, std::vector<Object>> objects_;  // by trail
  std::unordered_set<std::uint64_t> keys_;              // hashed
  std::map<std::string, std::map<trail::Place, Timestamp>> logs_since_;  // by trail
  std::map<PartitionName, Timestamp> delivered_until_;
  std::map<std::string, std::uint64_t> objects_of_epoch_;
  std::map<PartitionName, ManifestPartition> partitions_;
  std::vector<EpochRange> holes_;
};

/// Whether a part of the log holds records; nullopt: it is gone.
Result<std::optional<bool>> holds_records(stream::Topics& topics, const EpochRange& range) {
  const auto held = topics.range(range.topic, range.partition);
  if (!held && held.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!held) return fail(held.error());
  if (range.from < held->begin) return std::nullopt;
  auto reader = topics.read(range.topic, range.partition, range.from, range.to);
  if (!reader && reader.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!reader) return fail(std::move(reader).error());
  stream::MessageBatch batch;
  for (bool more = true; more;) {
    const auto read = (*reader)->read(std::chrono::seconds{1}, batch);
    if (!read && read.error().code == ErrorCode::kNotFound) return std::nullopt;
    if (!read) return fail(read.error());
    more = *read;
    if (!batch.messages.empty()) return true;
  }
  return false;
}

Result<void> check_holes(stream::Topics& topics, Manifest& manifest, ManifestReport& report) {
  for (const EpochRange& hole : manifest.holes()) {
    const auto lost = holds_records(topics, hole);
    if (!lost) return fail(lost.error());
    if (!*lost) ++manifest.partitions()[{hole.topic, hole.partition}].unchecked;
    else if (**lost) report.add({Kind::kLost, to_string(hole), "records that no epoch has"});
  }
  return {};
}

Kind kind_of(trail::Verdict verdict) { return verdict == trail::Verdict::kNotFound ? Kind::kMissing : Kind::kChanged; }

/// Every object of a trail that the manifest has.
Result<void> check_objects(const Destination& destination, std::span<const Manifest::Object> all, const ManifestCheckOptions& options, ManifestTrail& counts, ManifestReport& report) {
  std::vector<const Manifest::Object*> objects;
  for (const Manifest::Object& object : all)
    if (object.delivered >= options.from && object.delivered <= options.until) objects.push_back(&object);
  std::vector<trail::CheckRoom> rooms(std::max(options.threads, 1U));
  std::vector<trail::StoreResult<trail::CheckedLog>> results(objects.size());
  std::atomic<std::uint64_t> done = 0, bytes = 0;
  trail::for_each_item(static_cast<unsigned>(rooms.size()), objects.size(), [&](unsigned worker, std::size_t i) {
    results[i] = trail::check_log(*destination.store, objects[i]->log, rooms[worker]);
    if (results[i]) bytes += results[i]->bytes;
    ++done;
    if (worker == 0 && options.on_progress) options.on_progress(done, objects.size(), bytes);
  });
  counts.bytes += bytes;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    if (!results[i]) return fail(trail::to_error(std::move(results[i].error())));
    if (results[i]->verdict == trail::Verdict::kValid) {
      ++counts.valid;
      continue;
    }
    ++counts.invalid;
    const trail::DigestedLog& log = objects[i]->log;
    report.add({kind_of(results[i]->verdict), fmt::format("s3://{}/{}", log.bucket, log.key), fmt::format("{}{}{}", trail::to_string(results[i]->verdict), results[i]->detail.empty() ? "" : " ", results[i]->detail)});
  }
  return {};
}

/// What lies where logs do and the manifest does not have.
class UnknownObjects {
 public:
  UnknownObjects(stream::Topics& topics, const Destination& destination, Manifest& manifest, const ManifestCheckOptions& options, ManifestTrail& counts, ManifestReport& report)
      : topics_(topics), destination_(destination), manifest_(manifest), options_(options), counts_(counts), report_(report) {}

  Result<void> look() {
    const trail::TrailNames names = destination_.trail.names();
    const auto places = trail::places_of(*destination_.store, names, {}, {});
    if (!places) return fail(places.error());
    using trail::ObjectKind;
    for (const trail::Place& place : *places)
      for (const ObjectKind kind : {ObjectKind::kLog, ObjectKind::kInsight, ObjectKind::kNetworkActivity, ObjectKind::kAggregated})
        if (auto done = look_at(names, place, kind); !done) return done;
    for (const std::string& key : unknown_)
      if (auto done = judge(key); !done) return done;
    return {};
  }

 private:
  Result<void> look_at(const trail::TrailNames& names, const trail::Place& place, trail::ObjectKind kind) {
    const std::string last_day = trail::day_folder(names, kind, place, options_.until) + "~";
    return trail::for_each_object(*destination_.store, trail::objects_folder(names, kind, place), trail::day_folder(names, kind, place, options_.from), [&](const trail::ListedObject& object) {
      if (object.key > last_day) return false;
      if (object.key.ends_with('/') || manifest_.has(object.key)) return true;
      const auto name = trail::parse_object_name(object.key);
      if (name && (name->stamp < options_.from || name->stamp > options_.until)) return true;
      if (name && name->stamp < manifest_.oldest()) ++counts_.older;
      else unknown_.push_back(object.key);
      return true;
    });
  }

  Result<void> judge(const std::string& key) {
    const auto metadata = trail::patiently([&] { return destination_.store->head(key); });
    if (!metadata && metadata.error().fault == trail::StoreFault::kNotFound) return {};
    if (!metadata) return fail(trail::to_error(metadata.error()));
    const auto said = metadata->find(kEpochName);
    const auto range = said == metadata->end() ? std::nullopt : parse_epoch_range(said->second);
    const auto is_pending = range ? may_be_pending(*range, key) : Result<bool>(false);
    if (!is_pending) return fail(is_pending.error());
    if (*is_pending) ++counts_.pending;
    else report_.add({Kind::kUnknown, fmt::format("s3://{}/{}", destination_.store->bucket(), printable(key)), range ? "it says that it is of " + printable(said->second) : "no archiver wrote it"});
    return {};
  }

  /// Whether an archiver may have stored it and not committed yet, as it says: of offsets that the log holds and no epoch has, and with a stamp behind what the manifest says is delivered.
  /// Anybody may say so of an object; once the archiver has come that far, it shows.
  Result<bool> may_be_pending(const EpochRange& range, const std::string& key) {
    const PartitionName name{range.topic, range.partition};
    const auto partition = manifest_.partitions().find(name);
    if (partition != manifest_.partitions().end() && range.from < partition->second.to) return false;
    // Stamps are cut to the minute.
    if (const auto object = trail::parse_object_name(key); object && object->stamp + std::chrono::minutes{1} <= manifest_.delivered_until(name)) return false;
    const auto end = end_of(name);
    if (!end) return fail(end.error());
    return range.to <= *end;
  }

  /// Of what the log holds, as of now: after the store was listed, so what is stored came of it.
  Result<std::int64_t> end_of(const PartitionName& name) {
    if (const auto known = ends_.find(name); known != ends_.end()) return known->second;
    const auto partitions = topics_.partitions(name.first);
    // A name that the manifest does not know may be any text, whatever a broker says to that.
    const bool is_known = std::ranges::any_of(manifest_.partitions(), [&name](const auto& one) { return one.first.first == name.first; });
    if (!partitions && is_known && partitions.error().code != ErrorCode::kNotFound) return fail(partitions.error());
    std::int64_t end = 0;  // there is no such partition
    if (partitions && name.second >= 0 && name.second < *partitions) {
      const auto held = topics_.range(name.first, name.second);
      if (!held && is_known) return fail(held.error());
      end = held ? held->end : 0;
    }
    if (ends_.size() < kMostEnds) ends_.emplace(name, end);  // names are of whoever wrote the object
    return end;
  }

  static constexpr std::size_t kMostEnds = 10'000;

  stream::Topics& topics_;
  const Destination& destination_;
  Manifest& manifest_;
  const ManifestCheckOptions& options_;
  ManifestTrail& counts_;
  ManifestReport& report_;
  std::vector<std::string> unknown_;
  std::map<PartitionName, std::int64_t> ends_;
};

Result<bool> begins_late(stream::Topics& topics) {
  const auto partitions = topics.partitions(stream::kManifestTopic);
  if (!partitions) return fail(partitions.error());
  for (std::int32_t p = 0; p < *partitions; ++p) {
    const auto held = topics.range(stream::kManifestTopic, p);
    if (!held) return fail(held.error());
    if (held->begin > 0) return true;
  }
  return false;
}

}  // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::kMalformed: return "malformed";
    case Kind::kLost: return "lost";
    case Kind::kOverlap: return "overlap";
    case Kind::kMiscounted: return "miscounted";
    case Kind::kTwice: return "twice";
    case Kind::kMissing: return "missing";
    case Kind::kChanged: return "changed";
    case Kind::kUnknown: return "unknown";
    case Kind::kUndigested: return "undigested";
  }
  return "";
}

void ManifestReport::add(ManifestProblem problem) {
  if (++problem_count <= kMostProblems) problems.push_back(std::move(problem));
}

Result<ManifestReport> check_manifest(stream::Topics& topics, std::span<const Destination> destinations, const ManifestCheckOptions& options) {
  ManifestReport report;
  const auto late = begins_late(topics);
  if (!late) return fail(late.error());
  Manifest manifest(report, *late);
  // The stores are listed after the manifest was read: what was delivered in between is told by its metadata from what nobody delivered.
  if (auto done = stream::for_each_record(topics, stream::kManifestTopic, [&](const stream::Message& message) { manifest.take(message); }); !done) return fail(std::move(done).error());
  if (auto done = check_holes(topics, manifest, report); !done) return fail(std::move(done).error());
  std::map<std::string, std::vector<Manifest::Object>> left = manifest.objects();
  std::unordered_set<std::string> looked_at;  // two trails may lie in one place
  for (const Destination& destination : destinations) {
    ManifestTrail& counts = report.trails.emplace_back(ManifestTrail{.trail = destination.trail.name, .store = destination.store->name()});
    counts.logs_since = manifest.logs_since(destination.trail.name);
    const auto objects = left.extract(destination.trail.name);
    if (!objects.empty())
      if (auto done = check_objects(destination, objects.mapped(), options, counts, report); !done) return fail(std::move(done).error());
    if (!looked_at.insert(destination.store->name() + "/" + trail::accounts_folder(destination.trail.names())).second) continue;
    if (auto done = UnknownObjects(topics, destination, manifest, options, counts, report).look(); !done) return fail(std::move(done).error());
  }
  for (const auto& [trail, objects] : left) report.not_configured[trail] = objects.size();
  report.delivered_until = manifest.delivered_until();
  for (auto& [name, partition] : manifest.partitions()) report.partitions.push_back(std::move(partition));
  return report;
}

}  // namespace trailwarden::archive
