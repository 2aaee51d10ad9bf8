#include "trail/object_check.h"

#include <array>
#include <chrono>
#include <utility>

#include "core/hash.h"
#include "core/text.h"
#include "trail/patiently.h"

namespace trailwarden::trail {
namespace {

/// CloudTrail's logs have 50 MB at most.
constexpr std::size_t kMostLogBytes = 256 << 20;

/// Whether all that is wrong with `compressed` is that its end is missing.
bool is_cut_off(std::string_view compressed) {
  if (compressed.empty()) return true;
  GzipReader reader;
  std::array<char, 64 << 10> room{};
  while (true) {
    const GzipReader::Step step = reader.read(compressed, room);
    if (!step.damage.empty()) return false;
    compressed.remove_prefix(step.consumed);
    if (step.consumed == 0 && step.produced == 0) return !reader.damage_at_end().empty();
  }
}

std::optional<std::string> member_of(const ObjectMetadata& metadata, const char* name) {
  const auto found = metadata.find(name);
  return found == metadata.end() ? std::nullopt : std::optional(found->second);
}

/// `2026-03-01T09:00:00.000Z`, to the second.
std::optional<Timestamp> generation_time(std::string_view text) { return text.size() < 20 ? std::nullopt : parse_event_time(std::string(text.substr(0, 19)) + "Z"); }

Verdict verdict_of(Signature signature) {
  return signature == Signature::kRight ? Verdict::kValid : signature == Signature::kWrong ? Verdict::kSignatureWrong : Verdict::kKeyUnusable;
}

}  // namespace

StoreResult<FetchedDigest> fetch_digest(ObjectStore& store, std::string_view key, CheckRoom& room) {
  auto object = patiently([&] { return store.get(key); });
  if (!object && object.error().fault == StoreFault::kNotFound) return FetchedDigest{.verdict = Verdict::kNotFound};
  if (!object) return tl::unexpected(std::move(object.error()));
  auto opened = open_digest(room.inflater, object->bytes, room.text);
  if (!opened) return FetchedDigest{.verdict = Verdict::kInvalidFormat, .detail = "(" + opened.error().message + ")"};
  return FetchedDigest{.opened = std::move(*opened), .metadata = std::move(object->metadata)};
}

Result<void> PublicKeys::load(Timestamp from, Timestamp until) {
  auto found = source_.keys(from, until);
  if (!found) return fail(std::move(found.error()).during("public keys"));
  for (PublicKey& key : *found) keys_.insert_or_assign(key.fingerprint, std::move(key));
  return {};
}

const PublicKey* PublicKeys::find(const std::string& fingerprint) const {
  const auto found = keys_.find(fingerprint);
  return found == keys_.end() ? nullptr : &found->second;
}

Result<Checked> verify_digest(const FetchedDigest& fetched, std::string_view bucket, std::string_view key, const std::string* vouched, PublicKeys& keys) {
  Checked checked{is_backfill(key) ? CheckedKind::kBackfillDigest : CheckedKind::kDigest, fetched.verdict, std::string(bucket), std::string(key), fetched.detail};
  if (fetched.verdict != Verdict::kValid) return checked;
  const Digest& digest = fetched.opened->digest;
  checked.bucket = bucket.empty() ? digest.bucket : std::string(bucket);
  const auto judge = [&](Verdict verdict, std::string detail = {}) {
    checked.verdict = verdict;
    checked.detail = std::move(detail);
    return checked;
  };

  const std::string no_generation = "(its metadata does not say when it was generated)";
  const auto generation = member_of(fetched.metadata, kGenerationName);
  if (is_backfill(key) && !generation && vouched == nullptr) return judge(Verdict::kInvalidFormat, no_generation);
  auto signature = member_of(fetched.metadata, kSignatureName), algorithm = member_of(fetched.metadata, kAlgorithmName);
  if (!signature && vouched != nullptr) signature = *vouched, algorithm = digest.algorithm;
  if (!signature || !algorithm) return judge(Verdict::kSignatureWrong, "(its metadata has no signature)");
  if (digest.key != key || digest.bucket != checked.bucket) return judge(Verdict::kMoved);
  const PublicKey* signer = keys.find(digest.fingerprint);
  if (signer == nullptr && generation && checked.kind == CheckedKind::kBackfillDigest) {
    const auto generated = generation_time(*generation);
    if (!generated) return judge(Verdict::kInvalidFormat, no_generation);
    if (auto loaded = keys.load(*generated - std::chrono::hours{1}, *generated + std::chrono::hours{1}); !loaded) return fail(std::move(loaded.error()));
    signer = keys.find(digest.fingerprint);
  }
  const std::string fingerprint = printable(digest.fingerprint);
  if (signer == nullptr) {
    const auto name = parse_digest_key(key);
    return judge(Verdict::kNoPublicKey, "in region " + (name ? name->home_region : "?") + " for fingerprint " + fingerprint);
  }
  const Verdict verdict = verdict_of(verify(*signer, string_to_sign(digest, fetched.opened->sha256), *signature));
  if (verdict != Verdict::kValid) return judge(verdict, verdict == Verdict::kKeyUnusable ? "with fingerprint " + fingerprint : "");
  if (digest.algorithm != Digest::kAlgorithm || *algorithm != Digest::kAlgorithm) return judge(Verdict::kOtherAlgorithm);
  return checked;
}

StoreResult<CheckedLog> check_log(ObjectStore& store, const DigestedLog& log, CheckRoom& room) {
  auto object = patiently([&] { return store.get(log.key); });
  if (!object && object.error().fault == StoreFault::kNotFound) return CheckedLog{.verdict = Verdict::kNotFound};
  if (!object) return tl::unexpected(std::move(object.error()));
  const OneMember member = inflate_one(room.inflater, object->bytes, kMostLogBytes, room.text);
  if (member.status == OneMember::Status::kTooLarge) return CheckedLog{.verdict = Verdict::kInvalidFormat, .detail = "(too large)"};
  // The AWS CLI hashes what there is of a gzip stream without an end.
  if (member.status == OneMember::Status::kDamaged)
    return is_cut_off(object->bytes) ? CheckedLog{.verdict = Verdict::kHashDiffers, .detail = "(its end is missing)"} : CheckedLog{.verdict = Verdict::kInvalidFormat};
  CheckedLog checked{.bytes = member.text.size()};
  if (member.status == OneMember::Status::kBytesBehind) checked.verdict = Verdict::kBytesBehind;
  else if (sha256_hex(member.text) != log.sha256) checked.verdict = Verdict::kHashDiffers;
  return checked;
}

}  // namespace trailwarden::trail
