#include "archive/trail_watch.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "core/hash.h"
#include "core/log.h"
#include "core/text.h"
#include "trail/patiently.h"
#include "trail/trail_keys.h"
#include "trail/trail_listing.h"

namespace trailwarden::archive {
namespace {

using std::chrono::hours;
using Kind = TrailProblem::Kind;

constexpr std::size_t kMostMarks = 1'000'000;  // of logs that are known to be as they were, of a trail
constexpr hours kUntilAdded{2};                // after which a backfill digest would have listed a log
constexpr std::uint64_t kTimesCaughtUp = 2;    // the next time may be of what was read before
constexpr hours kSlack{2};                     // a check looks at a digest or two before its range

/// Nothing: it is no problem of the trail.
std::optional<Kind> kind_of(const trail::Checked& object) {
  using trail::Verdict;
  const bool is_log = object.kind == trail::CheckedKind::kLog;
  switch (object.verdict) {
    case Verdict::kValid:
    case Verdict::kOtherBucket: return std::nullopt;  // the trail has moved: what lies there is not looked at
    case Verdict::kNotFound: return is_log ? Kind::kLogRemoved : Kind::kDigestRemoved;
    case Verdict::kNotListed:
    case Verdict::kListedTwice: return Kind::kLogAdded;
    case Verdict::kNotInChain: return Kind::kDigestAdded;
    default: return is_log ? Kind::kLogChanged : Kind::kDigestChanged;
  }
}

std::string_view what_now(Kind kind) {
  switch (kind) {
    case Kind::kLogRemoved:
    case Kind::kDigestRemoved: return "find out who removed it (the bucket's own access log or trail), and put it back from a version or a copy";
    case Kind::kLogChanged:
    case Kind::kDigestChanged: return "keep what is there as evidence, find out who wrote it (the bucket's own access log or trail), and put the object back from a version or a copy";
    case Kind::kLogAdded:
    case Kind::kDigestAdded: return "find out who put it there: neither the archiver nor the digest writer did. Readers of the trail take it for true";
  }
  return "";
}

/// What was published by now: a key is before anything is signed by it.
class PublishedKeys final : public trail::PublicKeySource {
 public:
  explicit PublishedKeys(const std::string& folder) : folder_(folder) {}
  Result<std::vector<trail::PublicKey>> keys(Timestamp from, Timestamp until) override {
    auto all = trail::published_keys(folder_);
    if (!all) return all;
    return trail::KnownKeys(std::move(*all)).keys(from, until);
  }

 private:
  const std::string& folder_;
};

std::size_t index(Kind kind) { return static_cast<std::size_t>(kind); }

}  // namespace

std::string_view to_string(Kind kind) {
  static constexpr std::array<std::string_view, TrailProblem::kKinds> kNames{"log_removed", "log_changed", "log_added", "digest_removed", "digest_changed", "digest_added"};
  return kNames[index(kind)];
}

struct TrailWatch::Range {
  Timestamp from{}, until{};
  bool is_newest = false;
};

struct TrailWatch::Trail {
  struct Known {
    TrailProblem problem;
    bool was_told = false;
  };
  struct Unlisted {
    trail::Place place;
    Timestamp stamp{};
    std::uint64_t caught_up = 0;      // when it was seen first
    std::optional<Timestamp> since{};  // whatever the manifest said of it was read: until when digests were written then
  };

  const Destination& destination;
  std::shared_ptr<trail::PacedStore> store;
  bool is_sharing = false;
  WatchedTrail counts;
  std::optional<Timestamp> begun;   // the last check, by the wall clock
  std::optional<std::uint64_t> day;  // the older one that is next
  std::map<std::pair<Kind, std::string>, Known> problems;                       // by key
  std::map<std::string, Unlisted> unlisted;                                     // by key: logs that may still be listed
  std::map<trail::Place, std::unordered_set<std::uint64_t>> unchanged;          // key, SHA-256 and version of logs that were hashed, as one hash

  const trail::VerifyConfig& config() const { return destination.trail.digest.verify; }
};

/// The check of one account and Region within a range.
class TrailWatch::PlaceCheck {
 public:
  PlaceCheck(Trail& trail, const WrittenDigests& written, const Range& range, trail::Place place)
      : trail_(trail), written_(written), range_(range), place_(std::move(place)), marks_left_(kMostMarks) {
    for (const auto& [other, marks] : trail_.unchanged)
      if (other != place_) marks_left_ -= std::min(marks.size(), marks_left_);
  }

  Result<void> check() {
    if (auto listed = range_.is_newest ? list_versions() : Result<void>(); !listed) return listed;
    const trail::TrailNames names = trail_.destination.trail.names();
    trail::ValidateOptions options{.trail = names, .account = place_.account, .region = place_.region, .from = range_.from, .until = range_.until, .bucket = trail_.store->bucket()};
    options.is_known = [this](const trail::DigestedLog& log) { return is_known(log); };
    options.on_checked = [this](const trail::Checked& object) { take(object); };
    PublishedKeys keys(trail_.destination.trail.digest.key_directory);
    const auto report = trail::validate_trail(*trail_.store, keys, options);
    if (!report) {
      trail_.unchanged[place_].merge(unchanged_);
      return fail(report.error());
    }
    trail_.counts.bytes += report->bytes;
    if (range_.is_newest) trail_.unchanged[place_] = std::move(unchanged_);  // what is older than the last day is forgotten
    return range_.is_newest ? check_heads() : Result<void>();
  }

  std::vector<TrailProblem>& found() { return found_; }

  /// After a check that saw all: what was not found this time is mended.
  void mend() {
    std::set<std::pair<Kind, std::string>> still;
    for (const TrailProblem& problem : found_) still.emplace(problem.kind, problem.key);
    std::erase_if(trail_.problems, [&](const auto& entry) {
      const TrailProblem& problem = entry.second.problem;
      if (problem.place != place_ || !is_in_range(problem.stamp) || still.contains(entry.first)) return false;
      log::info("trail.problem_gone", {{"trail", problem.trail}, {"what", to_string(problem.kind)}, {"key", printable(problem.key)}});
      return true;
    });
    std::erase_if(trail_.unlisted, [&](const auto& entry) { return entry.second.place == place_ && is_in_range(entry.second.stamp) && !unlisted_.contains(entry.first); });
  }

 private:
  bool is_in_range(Timestamp stamp) const { return stamp >= range_.from && stamp <= range_.until; }

  /// Before anything is read: what changes after that has another version the next time.
  Result<void> list_versions() {
    const trail::TrailNames names = trail_.destination.trail.names();
    using trail::ObjectKind;
    for (const ObjectKind kind : {ObjectKind::kLog, ObjectKind::kInsight, ObjectKind::kNetworkActivity, ObjectKind::kAggregated}) {
      const auto take = [this](const trail::ListedObject& object) {
        if (!object.version.empty()) versions_[xxh3_64(object.key)] = xxh3_64(fmt::format("{} {}", object.version, object.bytes));
        return true;
      };
      if (auto listed = trail::for_each_object(*trail_.store, trail::objects_folder(names, kind, place_), trail::day_folder(names, kind, place_, range_.from), take); !listed) return listed;
    }
    return {};
  }

  bool is_known(const trail::DigestedLog& log) {
    const auto version = versions_.find(xxh3_64(log.key));
    if (version == versions_.end()) return false;
    const std::uint64_t mark = xxh3_64(fmt::format("{}\n{}\n{:x}", log.key, log.sha256, version->second));
    const auto known = trail_.unchanged.find(place_);
    if (known == trail_.unchanged.end() || !known->second.contains(mark)) {
      asked_[log.key] = mark;
      return false;
    }
    keep(mark);
    listed_.insert(log.key);
    return true;
  }

  void keep(std::uint64_t mark) {
    if (unchanged_.size() < marks_left_) unchanged_.insert(mark);
  }

  void take(const trail::Checked& object) {
    if (object.kind != trail::CheckedKind::kLog) {
      ++trail_.counts.digests;
      seen_.insert(object.key);
    } else if (object.verdict != trail::Verdict::kNotListed) {
      ++(listed_.erase(object.key) > 0 ? trail_.counts.logs_listed : trail_.counts.logs_read);
      const auto asked = asked_.extract(object.key);
      if (!asked.empty() && object.verdict == trail::Verdict::kValid) keep(asked.mapped());
    }
    if (const auto kind = kind_of(object); kind && !is_none_yet(object)) add(*kind, object);
  }

  /// Of a log that no digest lists: whether one may come that does, or it is none of this trail's.
  bool is_none_yet(const trail::Checked& object) {
    if (object.verdict != trail::Verdict::kNotListed) return false;
    if (trail_.is_sharing) return true;
    unlisted_.insert(object.key);
    if (trail_.unlisted.size() >= kMostProblems && !trail_.unlisted.contains(object.key)) return true;
    Trail::Unlisted& known = trail_.unlisted.try_emplace(object.key, Trail::Unlisted{place_, stamp_of(object.key), written_.caught_up}).first->second;
    if (!known.since && written_.caught_up >= known.caught_up + kTimesCaughtUp) known.since = written_.passed;
    return !known.since || written_.passed < *known.since + kUntilAdded;
  }

  Timestamp stamp_of(const std::string& key) const {
    if (const auto digest = trail::parse_digest_key(key)) return digest->end;
    const auto name = trail::parse_object_name(key);
    return name ? name->stamp : written_.passed;
  }

  void add(Kind kind, const trail::Checked& object) {
    if (found_.size() >= kMostProblems) return;
    found_.push_back({.kind = kind, .trail = trail_.destination.trail.name, .place = place_, .bucket = object.bucket, .key = object.key,
                      .detail = fmt::format("{}{}{}", trail::to_string(object.verdict), object.detail.empty() ? "" : " ", object.detail), .stamp = stamp_of(object.key)});
  }

  /// The newest digests, whose names no other digest has.
  Result<void> check_heads() {
    for (const ChainHead& head : *written_.heads) {
      if (head.chain.trail != trail_.destination.trail.name || head.chain.place != place_ || seen_.contains(head.key)) continue;
      if (stamp_of(head.key) < range_.from) continue;  // of a chain that stopped
      const auto there = trail::patiently([&] { return trail_.store->head(head.key); });
      if (there) continue;
      if (there.error().fault != trail::StoreFault::kNotFound) return fail(trail::to_error(there.error()));
      add(Kind::kDigestRemoved, {trail::is_backfill(head.key) ? trail::CheckedKind::kBackfillDigest : trail::CheckedKind::kDigest, trail::Verdict::kNotFound, trail_.store->bucket(), head.key,
                                 "(it was the newest of its chain)"});
    }
    return {};
  }

  Trail& trail_;
  const WrittenDigests& written_;
  const Range range_;
  const trail::Place place_;
  std::size_t marks_left_;
  std::unordered_map<std::uint64_t, std::uint64_t> versions_;  // by key, both hashed
  std::unordered_map<std::string, std::uint64_t> asked_;       // marks of logs that are being read
  std::unordered_set<std::string> listed_;                     // logs of which the listing was enough, and that were not told yet
  std::unordered_set<std::uint64_t> unchanged_;
  std::set<std::string> seen_, unlisted_;                      // digests; logs
  std::vector<TrailProblem> found_;
};

TrailWatch::TrailWatch(WatchOptions options) : options_(std::move(options)) {
  for (const Destination& destination : options_.destinations) {
    auto trail = std::make_unique<Trail>(Trail{.destination = destination});
    trail->store = std::make_shared<trail::PacedStore>(destination.store, destination.trail.digest.verify.requests_per_second);
    trail->is_sharing = options_.sharing.contains(destination.trail.name);
    trail->counts.trail = destination.trail.name;
    trails_.push_back(std::move(trail));
  }
}

TrailWatch::~TrailWatch() = default;

void TrailWatch::stop() {
  stopped_ = true;
  for (const auto& trail : trails_) trail->store->stop();
}

bool TrailWatch::step() {
  bool any = false;
  for (const auto& trail : trails_) {
    const auto written = options_.written();
    if (!written) {
      forget_all();
      return any;
    }
    const Timestamp now = options_.now();
    const bool is_due = !trail->begun || now >= *trail->begun + trail->config().every || now < *trail->begun;
    if (!is_due || stopped_) continue;
    trail->begun = now;
    check(*trail, *written);
    any = true;
  }
  publish(true);
  return any;
}

void TrailWatch::check(Trail& trail, const WrittenDigests& written) {
  Result<void> done;
  for (const Range& range : ranges_of(trail, written.passed)) {
    done = check(trail, written, range);
    if (!done) break;
  }
  if (stopped_) return;
  forget(trail, written.passed - trail.config().back - kSlack);
  tell_new(trail);
  ++(done ? trail.counts.done : trail.counts.failed);
  trail.counts.why_failed = done ? "" : done.error().message;
  if (done) trail.counts.succeeded = options_.now();
  else log::warn("trail.not_checked", {{"trail", trail.counts.trail}, {"why", trail.counts.why_failed}});
}

/// The last day, and one of the older ones.
std::vector<TrailWatch::Range> TrailWatch::ranges_of(Trail& trail, Timestamp passed) {
  const std::chrono::seconds back = trail.config().back;
  std::vector<Range> ranges{{passed - std::min<std::chrono::seconds>(back, kNewest), kEndOfTime, true}};
  if (back <= kNewest) return ranges;
  const auto days = static_cast<std::uint64_t>((back - std::chrono::seconds{1}) / std::chrono::seconds{kNewest});  // whole or not
  // After a restart not always the same ones.
  if (!trail.day) trail.day = static_cast<std::uint64_t>(passed.time_since_epoch() / trail.config().every);
  const auto day = static_cast<std::int64_t>((*trail.day)++ % days) + 1;
  ranges.push_back({std::max(passed - kNewest * (day + 1), passed - back), passed - kNewest * day, false});
  return ranges;
}

Result<void> TrailWatch::check(Trail& trail, const WrittenDigests& written, const Range& range) {
  const auto there = trail::places_of(*trail.store, trail.destination.trail.names(), {}, {});
  if (!there) return fail(there.error());
  std::set<trail::Place> places(there->begin(), there->end());
  for (const ChainHead& head : *written.heads)
    if (head.chain.trail == trail.destination.trail.name) places.insert(head.chain.place);
  for (const trail::Place& place : places) {
    PlaceCheck check(trail, written, range, place);
    const auto done = check.check();
    if (done) check.mend();
    take(trail, std::move(check.found()));
    publish(true);
    if (!done) return done;
  }
  return {};
}

void TrailWatch::take(Trail& trail, std::vector<TrailProblem> found) {
  for (TrailProblem& problem : found) {
    std::pair name(problem.kind, problem.key);
    if (trail.problems.size() >= kMostProblems && !trail.problems.contains(name)) continue;
    const std::size_t kind = index(problem.kind);
    if (trail.problems.try_emplace(std::move(name), Trail::Known{std::move(problem)}).second) ++trail.counts.found[kind];
  }
}

void TrailWatch::forget(Trail& trail, Timestamp before) {
  std::erase_if(trail.problems, [before](const auto& entry) { return entry.second.problem.stamp < before; });
  std::erase_if(trail.unlisted, [before](const auto& entry) { return entry.second.stamp < before; });
}

void TrailWatch::tell_new(Trail& trail) {
  std::size_t told = 0, left = 0;
  for (auto& [name, known] : trail.problems) {
    if (known.was_told) continue;
    if (told == kMostNew) {
      ++left;
      continue;
    }
    ++told;
    known.was_told = true;
    const TrailProblem& problem = known.problem;
    log::error("trail.problem", {{"trail", problem.trail}, {"what", to_string(problem.kind)}, {"bucket", problem.bucket}, {"key", printable(problem.key)}, {"why", problem.detail}, {"what_now", what_now(problem.kind)}});
    const std::lock_guard lock(mutex_);
    new_.push_back(problem);
  }
  if (left > 0) log::error("trail.problems", {{"trail", trail.counts.trail}, {"more", std::uint64_t{left}}, {"why", "the next checks tell of them; `trailwarden validate -c` does now"}});
}

void TrailWatch::forget_all() {
  for (const auto& trail : trails_) {
    trail->begun.reset();
    trail->problems.clear();
    trail->unlisted.clear();
    trail->unchanged.clear();
  }
  publish(false);
}

std::vector<TrailProblem> TrailWatch::take_new() {
  const std::lock_guard lock(mutex_);
  return std::exchange(new_, {});
}

void TrailWatch::publish(bool is_ours) {
  std::vector<WatchedTrail> all;
  for (const auto& trail : trails_) {
    if (!is_ours) break;
    all.push_back(trail->counts);
    for (const auto& [name, known] : trail->problems) ++all.back().problems[index(name.first)];
  }
  const std::lock_guard lock(mutex_);
  status_ = std::move(all);
}

std::vector<WatchedTrail> TrailWatch::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace trailwarden::archive
