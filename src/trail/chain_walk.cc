#include "trail/chain_walk.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/hash.h"
#include "trail/patiently.h"
#include "trail/worker_threads.h"

namespace trailwarden::trail {
namespace {

using std::chrono::hours;

/// Signed by a key that is known, whatever else is wrong with it: what it says of its logs was said by who has the key.
bool is_signed(Verdict verdict) {
  switch (verdict) {
    case Verdict::kValid:
    case Verdict::kOtherAlgorithm:
    case Verdict::kOtherHash:
    case Verdict::kOtherSignature:
    case Verdict::kWindowsOverlap:
      return true;
    default:
      return false;
  }
}

}  // namespace

void Validation::tell(Checked object, Count& count) {
  ++(object.verdict == Verdict::kValid ? count.valid : count.invalid);
  if (options.on_checked) options.on_checked(object);
  if (object.verdict == Verdict::kValid) return;
  if (report.problems.size() < ValidationReport::kMostProblems) report.problems.push_back(std::move(object));
  else ++report.problems_left_out;
}

std::string Validation::bucket() const { return options.bucket.empty() ? store.bucket() : options.bucket; }

bool ListedLogs::add(std::string_view key) {
  if (const auto name = parse_object_name(key)) kinds_.insert(name->kind);
  return hashes_.insert(xxh3_64(key)).second;
}

bool ListedLogs::contains(std::string_view key) const { return hashes_.contains(xxh3_64(key)); }

Result<void> ChainWalk::walk(std::vector<ListedDigest> digests, bool backfill) {
  constexpr std::size_t kDigestsAtOnce = 64, kLogsAtOnce = 4096;
  const ValidateOptions& options = run_.options;
  backfill_ = backfill;
  newer_.reset();
  named_.reset();
  since_.reset();
  visited_.clear();
  lowest_ = last_start_ = kEndOfTime;
  top_ = options.until == kEndOfTime && !digests.empty() ? digests.back().end : options.until;
  older_ = digests;
  for (auto at = next_listed(kEndOfTime); at && options.from <= last_start_;) {
    auto named = look_at(*at);
    if (!named) return fail(std::move(named.error()));
    if (judged_.size() >= kDigestsAtOnce || waiting_logs_ >= kLogsAtOnce)
      if (auto done = check_logs(); !done) return done;
    at = *named ? std::move(*named) : next_listed(at->end);
  }
  if (auto done = check_logs(); !done) return done;
  if (!backfill_ && !visited_.empty()) note_end_of_walk();
  tell_strays(digests);
  return {};
}

Result<std::optional<ListedDigest>> ChainWalk::look_at(const ListedDigest& at) {
  while (!older_.empty() && older_.back().end >= at.end) older_.pop_back();  // looked at, or passed by: not to be read ahead
  auto fetched = fetch(at.key);
  if (!fetched) return fail(std::move(fetched.error()));
  // A signature proves itself: it may come from a digest that nothing proves.
  const bool vouched = run_.options.copied && named_ && named_->key == at.key;
  auto checked = verify_digest(*fetched, run_.options.bucket, at.key, vouched ? &named_->signature : nullptr, run_.keys);
  if (!checked) return fail(std::move(checked.error()));
  if (checked->bucket.empty()) checked->bucket = run_.bucket();
  ++run_.progress.digests;
  visited_.insert(at.key);
  lowest_ = at.end;
  named_ = fetched->opened ? fetched->opened->digest.previous : std::nullopt;

  if (!is_signed(checked->verdict)) {
    if (since_ != Gap::Reason::kMissing) since_ = checked->verdict == Verdict::kNotFound ? Gap::Reason::kMissing : Gap::Reason::kNotVerified;
    judged_.push_back({std::move(*checked), {}});
    return std::nullopt;
  }
  Digest& digest = fetched->opened->digest;
  if (checked->verdict == Verdict::kValid) checked->verdict = judge_place(*fetched->opened, fetched->metadata);
  note_window(digest);
  newer_ = Newer{digest.start, digest.previous};
  last_start_ = digest.start;
  if (digest.previous && digest.previous->bucket != digest.bucket) since_ = Gap::Reason::kOtherBucket;
  auto previous = named_by(digest);
  waiting_logs_ += digest.logs.size();
  judged_.push_back({std::move(*checked), std::move(digest.logs)});
  return previous;
}

std::optional<ListedDigest> ChainWalk::named_by(const Digest& digest) const {
  if (!digest.previous || digest.previous->bucket != digest.bucket) return std::nullopt;
  const auto name = parse_digest_key(digest.previous->key);
  // Back only: a chain that names a later digest would never end.
  if (!name || name->end >= lowest_) return std::nullopt;
  return ListedDigest{digest.previous->key, name->end};
}

/// The newest digest that is listed and ends before `before`.
std::optional<ListedDigest> ChainWalk::next_listed(Timestamp before) {
  while (!older_.empty()) {
    ListedDigest digest = std::move(older_.back());
    older_.pop_back();
    if (digest.end < before) return digest;
  }
  return std::nullopt;
}

/// Reads `key`, and while it is at it those that most likely come next.
Result<FetchedDigest> ChainWalk::fetch(const std::string& key) {
  if (!fetched_.contains(key)) {
    fetched_.clear();
    std::vector<std::string> keys{key};
    for (auto next = older_.rbegin(); next != older_.rend() && keys.size() < 2 * run_.rooms.size(); ++next)
      if (next->key != key) keys.push_back(next->key);
    std::vector<StoreResult<FetchedDigest>> answers(keys.size());
    const auto read = [&](unsigned worker, std::size_t i) { answers[i] = fetch_digest(run_.store, keys[i], run_.rooms[worker]); };
    for_each_item(static_cast<unsigned>(run_.rooms.size()), keys.size(), read);
    for (std::size_t i = 0; i < keys.size(); ++i) fetched_.emplace(keys[i], std::move(answers[i]));
  }
  auto answer = std::move(fetched_.extract(key).mapped());
  if (!answer) return fail(to_error(std::move(answer.error())));
  return std::move(*answer);
}

Verdict ChainWalk::judge_place(const OpenedDigest& opened, const ObjectMetadata& metadata) const {
  if (!newer_) return Verdict::kValid;
  if (newer_->previous && newer_->previous->key == opened.digest.key) {
    if (newer_->previous->sha256 != opened.sha256) return Verdict::kOtherHash;
    const auto signature = metadata.find(kSignatureName);
    if (signature != metadata.end() && signature->second != newer_->previous->signature) return Verdict::kOtherSignature;
  }
  return !backfill_ && opened.digest.end > newer_->start ? Verdict::kWindowsOverlap : Verdict::kValid;
}

void ChainWalk::note_window(const Digest& digest) {
  const ValidateOptions& options = run_.options;
  const Timestamp from = std::max(digest.start, options.from), until = std::min(digest.end, options.until);
  report_.found_from = std::min(report_.found_from.value_or(from), from);
  report_.found_until = std::max(report_.found_until.value_or(until), until);
  if (backfill_) return;
  const Timestamp above = newer_ ? newer_->start : top_;
  if (digest.end < above) {
    const auto otherwise = !newer_ ? Gap::Reason::kNoneAfter : newer_->previous ? Gap::Reason::kMissing : Gap::Reason::kStartedAnew;
    report_.gaps.push_back({since_.value_or(otherwise), digest.end, above});
  }
  since_.reset();
}

/// What is below the last valid digest.
void ChainWalk::note_end_of_walk() {
  const Timestamp from = run_.options.from, above = newer_ ? newer_->start : top_;
  if (since_) {
    // A digest that cannot be read covers the hour before its end, as far as one knows.
    const Timestamp below = from == kBeginningOfTime ? std::min(lowest_, above) - hours{1} : from;
    if (below < above) report_.gaps.push_back({*since_, below, above});
  } else if (newer_ && from != kBeginningOfTime && from < above) {
    report_.gaps.push_back({Gap::Reason::kNoneBefore, from, above});
  }
}

void ChainWalk::tell_strays(const std::vector<ListedDigest>& digests) {
  const CheckedKind kind = backfill_ ? CheckedKind::kBackfillDigest : CheckedKind::kDigest;
  for (auto digest = digests.rbegin(); digest != digests.rend() && digest->end > lowest_; ++digest)
    if (!visited_.contains(digest->key)) run_.tell({kind, Verdict::kNotInChain, run_.bucket(), digest->key, {}}, backfill_ ? report_.backfill_digests : report_.digests);
}

/// Checks the logs of the digests that wait for it, and tells of both.
Result<void> ChainWalk::check_logs() {
  struct Waiting {
    const DigestedLog* log;
    bool elsewhere;
  };
  std::vector<Waiting> waiting;
  for (const Judged& judged : judged_)
    for (const DigestedLog& log : judged.logs) waiting.push_back({&log, log.bucket != judged.checked.bucket});
  std::vector<StoreResult<CheckedLog>> results(waiting.size());
  std::atomic<std::uint64_t> logs{0}, bytes{0};
  const auto tell_progress = [&] {
    ValidationProgress now = run_.progress;
    now.logs += logs;
    now.bytes += bytes;
    if (run_.options.on_progress) run_.options.on_progress(now);
  };
  for_each_item(static_cast<unsigned>(run_.rooms.size()), waiting.size(), [&](unsigned worker, std::size_t i) {
    const DigestedLog& log = *waiting[i].log;
    if (waiting[i].elsewhere) results[i] = CheckedLog{.verdict = Verdict::kOtherBucket};
    else if (run_.options.is_known && run_.options.is_known(log)) results[i] = CheckedLog{};
    else results[i] = check_log(run_.store, log, run_.rooms[worker]);
    ++logs;
    if (results[i]) bytes += results[i]->bytes;
    if (worker == 0) tell_progress();  // the caller's thread
  });

  auto result = results.begin();
  for (Judged& judged : judged_) {
    run_.tell(std::move(judged.checked), backfill_ ? report_.backfill_digests : report_.digests);
    for (DigestedLog& log : judged.logs) {
      auto checked = std::move(*result++);
      if (!checked) return fail(to_error(std::move(checked.error())));
      const bool again = !listed_.add(log.key);
      if (again && checked->verdict == Verdict::kValid) checked->verdict = Verdict::kListedTwice;
      ++run_.progress.logs;
      run_.progress.bytes += checked->bytes;
      run_.tell({CheckedKind::kLog, checked->verdict, std::move(log.bucket), std::move(log.key), std::move(checked->detail)}, report_.logs);
    }
  }
  judged_.clear();
  waiting_logs_ = 0;
  if (run_.options.on_progress) run_.options.on_progress(run_.progress);
  return {};
}

}  // namespace trailwarden::trail
