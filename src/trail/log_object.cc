#include "trail/log_object.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/hash.h"

namespace trailwarden::trail {
namespace {

constexpr std::string_view kHead = R"({"Records":[)";
constexpr std::string_view kTail = "]}";
constexpr std::size_t kUniqueLength = 16;
constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// `20260301T090000Z`, or to the minute.
std::string stamp(Timestamp time, bool seconds) {
  std::string text = format_time(time);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  if (!seconds) text.erase(text.size() - 3, 2);
  return text;
}

unsigned nibble(char hex) { return static_cast<unsigned>(hex <= '9' ? hex - '0' : hex - 'a' + 10); }

}  // namespace

bool is_key_part(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  const auto fits = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'; };
  return !text.empty() && text.size() <= kLongest && std::all_of(text.begin(), text.end(), fits);
}

std::string accounts_folder(const TrailNames& trail) {
  std::string key = trail.prefix.empty() ? "AWSLogs/" : trail.prefix + "/AWSLogs/";
  if (!trail.organization.empty()) key.append(trail.organization).append("/");
  return key;
}

std::string objects_folder(const TrailNames& trail, ObjectKind kind, const Place& place) {
  TRAILWARDEN_CHECK(is_key_part(place.account) && is_key_part(place.region), "account and Region may stand in a key");
  std::string key = accounts_folder(trail);
  key.append(place.account).append("/").append(to_string(kind)).append("/").append(place.region).append("/");
  return key;
}

std::string day_folder(const TrailNames& trail, ObjectKind kind, const Place& place, Timestamp day) {
  std::string date = format_time(day).substr(0, 10);
  std::replace(date.begin(), date.end(), '-', '/');
  return objects_folder(trail, kind, place) + date + "/";
}

std::string log_key(const TrailNames& trail, ObjectKind kind, const Place& place, Timestamp delivered, std::string_view unique) {
  TRAILWARDEN_CHECK(unique.size() == kUniqueLength && unique.find_first_not_of(kBase32) == std::string_view::npos, "unique_part made it");
  std::string key = day_folder(trail, kind, place, delivered);
  key.append(place.account).append("_").append(to_string(kind)).append("_").append(place.region);
  key.append("_").append(stamp(delivered, false)).append("_").append(unique).append(".json.gz");
  return key;
}

std::string digest_object_key(const TrailNames& trail, const Place& place, Timestamp end, bool backfill) {
  std::string key = day_folder(trail, ObjectKind::kDigest, place, end);
  key.append(place.account).append("_").append(to_string(ObjectKind::kDigest)).append("_").append(place.region);
  key.append("_").append(trail.trail).append("_").append(trail.home_region);
  key.append("_").append(stamp(end, true)).append(backfill ? "_backfill.json.gz" : ".json.gz");
  return key;
}

std::string unique_part(std::string_view identity) {
  const std::string hex = sha256_hex(identity);
  std::string out;
  // Five nibbles are four characters of five bits.
  for (std::size_t at = 0; out.size() < kUniqueLength; at += 5) {
    unsigned bits = 0;
    for (std::size_t i = 0; i < 5; ++i) bits = bits << 4 | nibble(hex[at + i]);
    for (const unsigned shift : {15U, 10U, 5U, 0U}) out.push_back(kBase32[bits >> shift & 31U]);
  }
  return out;
}

std::size_t LogBody::size() const { return (text_.empty() ? kHead.size() : text_.size()) + kTail.size(); }

bool LogBody::add(std::string_view record, std::optional<Timestamp> event_time) {
  const std::size_t comma = empty() ? 0 : 1;
  if (record.size() > kMostBytes || size() + comma + record.size() > kMostBytes) return false;
  text_.append(empty() ? kHead : ",").append(record);
  ++records_;
  if (event_time) {
    oldest_ = std::min(oldest_.value_or(*event_time), *event_time);
    newest_ = std::max(newest_.value_or(*event_time), *event_time);
  }
  return true;
}

LogObject LogBody::finish(MemberDeflater& deflater) {
  if (empty()) text_ = kHead;
  text_.append(kTail);
  LogObject object{.sha256 = sha256_hex(text_), .records = records_, .text_bytes = text_.size(), .oldest = oldest_, .newest = newest_};
  deflater.deflate(text_, object.bytes);
  text_.clear();
  records_ = 0;
  oldest_.reset();
  newest_.reset();
  return object;
}

}  // namespace trailwarden::trail
