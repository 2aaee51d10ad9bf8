#include "trail/digest_chain.h"

#include <algorithm>
#include <unordered_set>

#include "core/check.h"

namespace trailwarden::trail {
namespace {

using std::chrono::hours;

constexpr std::uint8_t kVersion = 1;

Timestamp hour_of(Timestamp time) { return std::chrono::floor<hours>(time); }

void save_time(ByteWriter& out, const std::optional<Timestamp>& time) {
  out.flag(time.has_value());
  if (time) out.time(*time);
}

std::optional<Timestamp> load_time(ByteReader& in) {
  if (!in.flag()) return std::nullopt;
  return in.time();
}

void save_link(ByteWriter& out, const DigestLink& link) {
  for (const std::string* text : {&link.bucket, &link.key, &link.sha256, &link.signature}) out.text(*text);
}

DigestLink load_link(ByteReader& in) {
  DigestLink link;
  for (std::string* text : {&link.bucket, &link.key, &link.sha256, &link.signature}) *text = in.text();
  return link;
}

}  // namespace

void DigestChain::start(Timestamp at) {
  if (!from_) from_ = std::max(hour_of(at), signed_until_);
}

void DigestChain::delivered(DeliveredLog log) {
  Logs& logs = log.delivered < signed_until_ ? late_ : pending_;
  std::string key = log.log.key;
  logs.emplace(std::pair(log.delivered, std::move(key)), std::move(log.log));
}

void DigestChain::stop(Timestamp at) {
  if (!from_ && !pending_.empty()) start(pending_.begin()->first.first);
  if (!from_) return;
  stop_ = at;
  if (*stop_ <= *from_) end_here();
}

void DigestChain::end_here() {
  from_.reset();
  stop_.reset();
  last_.reset();
}

std::optional<Digest> DigestChain::next(Timestamp passed) const {
  auto digest = next_in_turn(passed);
  return digest ? std::move(digest) : next_backfill(passed);
}

std::optional<Digest> DigestChain::next_in_turn(Timestamp passed) const {
  if (!from_ && pending_.empty()) return std::nullopt;
  const Timestamp start = from_ ? *from_ : std::max({hour_of(pending_.begin()->first.first), hour_of(passed) - kLongestCatchUp, signed_until_});
  const Timestamp end = std::min(hour_of(start) + hours{1}, stop_.value_or(kEndOfTime));
  if (end > passed) return std::nullopt;
  Digest due = digest(start, end, false, last_);
  for (auto log = pending_.lower_bound({start, {}}); log != pending_.end() && log->first.first < end && due.logs.size() < kMostLogs; ++log) due.logs.push_back(log->second);
  return due;
}

std::optional<Digest> DigestChain::next_backfill(Timestamp passed) const {
  const Timestamp end = hour_of(passed);
  // One an hour, for their keys differ by the hour only.
  if (late_.empty() || (last_backfill_ && end <= last_backfill_->end)) return std::nullopt;
  Digest due = digest(end - hours{1}, end, true, last_backfill_);
  for (auto log = late_.begin(); log != late_.end() && due.logs.size() < kMostLogs; ++log) due.logs.push_back(log->second);
  return due;
}

Digest DigestChain::digest(Timestamp start, Timestamp end, bool backfill, const std::optional<Link>& previous) const {
  Digest digest{.account = place_.account, .start = start, .end = end, .bucket = bucket_, .key = digest_object_key(trail_, place_, end, backfill)};
  if (previous) digest.previous = previous->digest;
  return digest;
}

void DigestChain::written(const Digest& digest, std::string_view sha256, std::string_view signature) {
  const bool backfill = is_backfill(digest.key);
  std::optional<Link>& last = backfill ? last_backfill_ : last_;
  TRAILWARDEN_CHECK(backfill ? !last || digest.end > last->end : digest.end > signed_until_, "digests are written in the order of their ends");
  last = Link{{digest.bucket, digest.key, std::string(sha256), std::string(signature)}, digest.end};
  if (!backfill) from_ = signed_until_ = digest.end;

  std::unordered_set<std::string_view> listed;
  for (const DigestedLog& log : digest.logs) listed.insert(log.key);
  std::erase_if(late_, [&](const auto& log) { return listed.contains(log.first.second); });
  // What the digest of its hour does not list is late.
  while (!pending_.empty() && pending_.begin()->first.first < signed_until_) {
    auto log = pending_.extract(pending_.begin());
    if (!listed.contains(log.key().second)) late_.insert(std::move(log));
  }
  if (stop_ && signed_until_ >= *stop_) end_here();
}

void DigestChain::save(ByteWriter& out) const {
  out.number(kVersion);
  out.time(signed_until_);
  save_time(out, from_);
  save_time(out, stop_);
  for (const std::optional<Link>* last : {&last_, &last_backfill_}) {
    out.flag(last->has_value());
    if (!*last) continue;
    save_link(out, (*last)->digest);
    out.time((*last)->end);
  }
  for (const Logs* logs : {&pending_, &late_}) {
    out.number(std::uint64_t{logs->size()});
    for (const auto& [when, log] : *logs) {
      out.time(when.first);
      for (const std::string* text : {&log.bucket, &log.key, &log.sha256}) out.text(*text);
      save_time(out, log.oldest);
      save_time(out, log.newest);
    }
  }
}

Result<void> DigestChain::load(ByteReader& in) {
  if (const auto version = in.number<std::uint8_t>(); in.ok() && version != kVersion) return fail(ErrorCode::kUnsupported, "digest chain: saved by another version");
  DigestChain loaded(trail_, bucket_, place_);
  loaded.signed_until_ = in.time();
  loaded.from_ = load_time(in);
  loaded.stop_ = load_time(in);
  for (std::optional<Link>* last : {&loaded.last_, &loaded.last_backfill_}) {
    if (!in.flag()) continue;
    DigestLink link = load_link(in);
    *last = Link{std::move(link), in.time()};
  }
  for (Logs* logs : {&loaded.pending_, &loaded.late_}) {
    for (auto count = in.number<std::uint64_t>(); count > 0 && in.ok(); --count) {
      const Timestamp when = in.time();
      DigestedLog log;
      for (std::string* text : {&log.bucket, &log.key, &log.sha256}) *text = in.text();
      log.oldest = load_time(in);
      log.newest = load_time(in);
      std::string key = log.key;
      logs->emplace_hint(logs->end(), std::pair(when, std::move(key)), std::move(log));
    }
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "digest chain: its saved state is damaged");
  *this = std::move(loaded);
  return {};
}

}  // namespace trailwarden::trail
