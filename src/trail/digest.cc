#include "trail/digest.h"

#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "core/text.h"
#include "trail/hex.h"
#include "trail/object_name.h"

namespace trailwarden::trail {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kHashAlgorithm = "SHA-256";
constexpr std::string_view kLogFiles = "logFiles";

ordered_json time_json(std::optional<Timestamp> time) { return time ? ordered_json(format_time(*time)) : ordered_json(); }

ordered_json log_json(const DigestedLog& log) {
  return {{"s3Bucket", log.bucket},
          {"s3Object", log.key},
          {"hashValue", log.sha256},
          {"hashAlgorithm", kHashAlgorithm},
          {"newestEventTime", time_json(log.newest)},
          {"oldestEventTime", time_json(log.oldest)}};
}

std::optional<Timestamp> newest_of(const std::vector<DigestedLog>& logs) {
  std::optional<Timestamp> newest;
  for (const DigestedLog& log : logs)
    if (log.newest) newest = std::max(newest.value_or(*log.newest), *log.newest);
  return newest;
}

std::optional<Timestamp> oldest_of(const std::vector<DigestedLog>& logs) {
  std::optional<Timestamp> oldest;
  for (const DigestedLog& log : logs)
    if (log.oldest) oldest = std::min(oldest.value_or(*log.oldest), *log.oldest);
  return oldest;
}

/// The members of an object that are texts or null, as they are read.
template <std::size_t kCount>
class Members {
 public:
  explicit Members(const std::array<std::string_view, kCount>& names) : names_(names) {}

  std::optional<std::size_t> index_of(std::string_view name) const {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - names_.begin());
  }
  bool seen(std::size_t index) const { return values_[index].seen; }
  void set(std::size_t index, std::optional<std::string> value) { values_[index] = {true, std::move(value)}; }
  void clear() { values_ = {}; }

  /// Throws what is wrong with the member.
  std::optional<std::string>& may_be_null(std::size_t index) {
    if (!values_[index].seen) throw wrong(index, "is missing");
    return values_[index].value;
  }
  std::string text(std::size_t index) {
    auto& value = may_be_null(index);
    if (!value) throw wrong(index, "is null");
    return std::move(*value);
  }
  Timestamp time(std::size_t index) {
    const auto time = parse_event_time(text(index));
    if (!time) throw wrong(index, "is no time of the form YYYY-MM-DDTHH:MM:SSZ");
    return *time;
  }
  std::optional<Timestamp> time_if_any(std::size_t index) {
    if (!values_[index].seen || !values_[index].value) return std::nullopt;
    return time(index);
  }
  std::string sha256(std::size_t index) {
    std::string value = text(index);
    if (!is_sha256_hex(value)) throw wrong(index, "is no SHA-256 in lower-case hexadecimal");
    return value;
  }
  void must_be(std::size_t index, std::string_view wanted) {
    if (text(index) != wanted) throw wrong(index, "is not " + std::string(wanted));
  }

 private:
  struct Value {
    bool seen = false;
    std::optional<std::string> value;
  };
  std::invalid_argument wrong(std::size_t index, std::string_view what) const { return std::invalid_argument(std::string(names_[index]).append(" ").append(what)); }

  const std::array<std::string_view, kCount>& names_;
  std::array<Value, kCount> values_;
};

enum DigestMember : std::size_t {
  kAccount, kStart, kEnd, kBucket, kObject, kFingerprint,
  kAlgorithm, kPreviousBucket, kPreviousObject, kPreviousHash, kPreviousHashAlgorithm, kPreviousSignature
};
constexpr std::array<std::string_view, 12> kDigestMembers{
    "awsAccountId", "digestStartTime", "digestEndTime", "digestS3Bucket", "digestS3Object", "digestPublicKeyFingerprint",
    "digestSignatureAlgorithm", "previousDigestS3Bucket", "previousDigestS3Object", "previousDigestHashValue", "previousDigestHashAlgorithm", "previousDigestSignature"};

enum LogMember : std::size_t { kLogBucket, kLogObject, kLogHash, kLogHashAlgorithm, kLogNewest, kLogOldest };
constexpr std::array<std::string_view, 6> kLogMembers{"s3Bucket", "s3Object", "hashValue", "hashAlgorithm", "newestEventTime", "oldestEventTime"};

/// Builds a digest while its text is read, so that no tree of it is held beside. Throws what is wrong, as its members do.
class DigestReader final : public nlohmann::json_sax<json> {
 public:
  Digest finish() {
    if (!logs_seen_) throw std::invalid_argument("logFiles is missing");
    digest_.account = members_.text(kAccount);
    digest_.start = members_.time(kStart);
    digest_.end = members_.time(kEnd);
    if (digest_.start > digest_.end) throw std::invalid_argument("digestStartTime is after digestEndTime");
    digest_.bucket = members_.text(kBucket);
    digest_.key = members_.text(kObject);
    digest_.fingerprint = members_.text(kFingerprint);
    digest_.algorithm = members_.text(kAlgorithm);
    read_previous();
    return std::move(digest_);
  }

  bool start_object(std::size_t) override { return enter(Where::kNowhere, Where::kDigest) || enter(Where::kLogs, Where::kLog) || pass_over(); }
  bool start_array(std::size_t) override {
    const bool logs = where_ == Where::kDigest && depth_ == 0 && at_logs_;
    at_logs_ = false;
    return (logs && enter(Where::kDigest, Where::kLogs)) || pass_over();
  }
  bool end_object() override {
    if (depth_ > 0) return --depth_, true;
    if (where_ == Where::kLog) add_log();
    where_ = where_ == Where::kLog ? Where::kLogs : Where::kNowhere;
    return true;
  }
  bool end_array() override {
    if (depth_ > 0) return --depth_, true;
    where_ = Where::kDigest;
    return true;
  }
  bool key(std::string& name) override {
    if (depth_ > 0) return true;
    member_ = where_ == Where::kDigest ? members_.index_of(name) : log_.index_of(name);
    at_logs_ = where_ == Where::kDigest && name == kLogFiles;
    const bool twice = at_logs_ ? logs_seen_ : member_ && (where_ == Where::kDigest ? members_.seen(*member_) : log_.seen(*member_));
    if (twice) throw std::invalid_argument(name + " is there twice");
    logs_seen_ = logs_seen_ || at_logs_;
    return true;
  }
  bool string(std::string& value) override { return take(std::move(value)); }
  bool null() override { return take(std::nullopt); }
  bool boolean(bool) override { return other(); }
  bool number_integer(number_integer_t) override { return other(); }
  bool number_unsigned(number_unsigned_t) override { return other(); }
  bool number_float(number_float_t, const string_t&) override { return other(); }
  bool binary(binary_t&) override { return other(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override { throw std::invalid_argument(error.what()); }

 private:
  enum class Where : std::uint8_t { kNowhere, kDigest, kLogs, kLog };

  bool enter(Where from, Where to) {
    if (where_ != from || depth_ > 0) return false;
    where_ = to;
    return true;
  }
  /// Into the value of a member that is not known.
  bool pass_over() {
    must_be_unknown();
    ++depth_;
    return true;
  }
  bool other() {
    must_be_unknown();
    return true;
  }
  void must_be_unknown() const {
    if (depth_ > 0) return;
    if (where_ == Where::kNowhere) throw std::invalid_argument("is no JSON object");
    if (where_ == Where::kLogs) throw std::invalid_argument("logFiles holds something else than objects");
    if (at_logs_) throw std::invalid_argument("logFiles is no array");
    if (member_) throw std::invalid_argument(std::string(where_ == Where::kDigest ? kDigestMembers[*member_] : kLogMembers[*member_]) + " is no text");
  }
  bool take(std::optional<std::string> value) {
    if (depth_ > 0) return true;
    if (!member_ || where_ == Where::kNowhere || where_ == Where::kLogs) return other();
    if (where_ == Where::kDigest) members_.set(*member_, std::move(value));
    else log_.set(*member_, std::move(value));
    return true;
  }
  void add_log() {
    log_.must_be(kLogHashAlgorithm, kHashAlgorithm);
    digest_.logs.push_back({log_.text(kLogBucket), log_.text(kLogObject), log_.sha256(kLogHash), log_.time_if_any(kLogOldest), log_.time_if_any(kLogNewest)});
    log_.clear();
  }
  void read_previous() {
    const auto missing = [&](std::size_t index) { return !members_.may_be_null(index).has_value(); };
    const std::array<std::size_t, 5> all{kPreviousBucket, kPreviousObject, kPreviousHash, kPreviousHashAlgorithm, kPreviousSignature};
    if (std::all_of(all.begin(), all.end(), missing)) return;
    members_.must_be(kPreviousHashAlgorithm, kHashAlgorithm);
    digest_.previous = DigestLink{members_.text(kPreviousBucket), members_.text(kPreviousObject), members_.sha256(kPreviousHash), members_.text(kPreviousSignature)};
  }

  Digest digest_;
  Members<kDigestMembers.size()> members_{kDigestMembers};
  Members<kLogMembers.size()> log_{kLogMembers};
  Where where_ = Where::kNowhere;
  std::size_t depth_ = 0;  // within the value of a member that is not known
  std::optional<std::size_t> member_;
  bool at_logs_ = false, logs_seen_ = false;
};

}  // namespace

bool is_backfill(std::string_view digest_object_key) { return digest_object_key.ends_with("_backfill.json.gz"); }

std::optional<DigestName> parse_digest_key(std::string_view key) {
  constexpr std::size_t kStamp = std::string_view("_YYYYMMDDTHHMMSSZ").size();
  const auto parsed = parse_object_name(key);
  if (!parsed || parsed->kind != ObjectKind::kDigest) return std::nullopt;
  std::string_view rest = key.substr(key.rfind('/') + 1);
  if (!rest.ends_with(".json.gz")) return std::nullopt;
  rest.remove_suffix(std::string_view(".json.gz").size());
  const bool backfill = is_backfill(key);
  if (backfill) rest.remove_suffix(std::string_view("_backfill").size());
  rest.remove_prefix(parsed->account.size() + to_string(ObjectKind::kDigest).size() + parsed->region.size() + 3);
  if (rest.size() <= kStamp || !rest.ends_with('Z') || rest[rest.size() - kStamp] != '_') return std::nullopt;
  rest.remove_suffix(kStamp);
  // A trail's name may have `_` in it, a Region has none.
  const std::size_t home = rest.rfind('_');
  if (home == std::string_view::npos || home == 0) return std::nullopt;
  return DigestName{std::string(parsed->account), std::string(parsed->region), std::string(rest.substr(0, home)), std::string(rest.substr(home + 1)), parsed->stamp, backfill};
}

std::string to_json(const Digest& digest) {
  const auto previous = [&](std::string DigestLink::*member) { return digest.previous ? ordered_json((*digest.previous).*member) : ordered_json(); };
  ordered_json out{{"awsAccountId", digest.account},
                   {"digestStartTime", format_time(digest.start)},
                   {"digestEndTime", format_time(digest.end)},
                   {"digestS3Bucket", digest.bucket},
                   {"digestS3Object", digest.key},
                   {"digestPublicKeyFingerprint", digest.fingerprint},
                   {"digestSignatureAlgorithm", digest.algorithm},
                   {"newestEventTime", time_json(newest_of(digest.logs))},
                   {"oldestEventTime", time_json(oldest_of(digest.logs))},
                   {"previousDigestS3Bucket", previous(&DigestLink::bucket)},
                   {"previousDigestS3Object", previous(&DigestLink::key)},
                   {"previousDigestHashValue", previous(&DigestLink::sha256)},
                   {"previousDigestHashAlgorithm", digest.previous ? ordered_json(kHashAlgorithm) : ordered_json()},
                   {"previousDigestSignature", previous(&DigestLink::signature)},
                   {kLogFiles, ordered_json::array()}};
  ordered_json& logs = out[std::string(kLogFiles)];
  for (const DigestedLog& log : digest.logs) logs.push_back(log_json(log));
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Result<Digest> parse_digest(std::string_view text) {
  DigestReader reader;
  try {
    json::sax_parse(text, &reader);
    return reader.finish();
  } catch (const std::exception& e) {  // nlohmann's, and the reader's
    return fail(ErrorCode::kMalformed, "digest: " + printable(e.what()));
  }
}

std::string string_to_sign(const Digest& digest, std::string_view sha256) {
  std::string text = format_time(digest.end);
  text.append("\n").append(digest.bucket).append("/").append(digest.key);
  text.append("\n").append(sha256);
  text.append("\n").append(digest.previous ? digest.previous->signature : "null");
  return text;
}

SealedDigest seal(Digest digest, const DigestKey& key, MemberDeflater& deflater) {
  digest.fingerprint = key.public_key().fingerprint;
  const std::string text = to_json(digest);
  SealedDigest sealed{.sha256 = sha256_hex(text)};
  sealed.signature = key.sign(string_to_sign(digest, sealed.sha256));
  sealed.metadata = {{kSignatureName, sealed.signature}, {kAlgorithmName, digest.algorithm}};
  if (is_backfill(digest.key)) sealed.metadata[kGenerationName] = format_time(digest.end).insert(19, ".000");
  deflater.deflate(text, sealed.bytes);
  sealed.digest = std::move(digest);
  return sealed;
}

Result<OpenedDigest> open_digest(MemberInflater& inflater, std::string_view bytes, std::string& room) {
  const OneMember member = inflate_one(inflater, bytes, Digest::kMostBytes, room);
  if (member.status == OneMember::Status::kTooLarge) return fail(ErrorCode::kTooLarge, "digest: inflates to more than " + format_bytes(static_cast<double>(Digest::kMostBytes)));
  if (member.status == OneMember::Status::kBytesBehind) return fail(ErrorCode::kMalformed, "digest: something follows its gzip member");
  if (member.status == OneMember::Status::kDamaged) return fail(ErrorCode::kMalformed, "digest: is no whole gzip member");
  auto digest = parse_digest(member.text);
  if (!digest) return fail(std::move(digest.error()));
  return OpenedDigest{std::move(*digest), sha256_hex(member.text)};
}

}  // namespace trailwarden::trail
