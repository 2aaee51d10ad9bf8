#include "ingest/queue_object.h"

#include <algorithm>

#include "core/bytes.h"
#include "core/hash.h"

namespace trailwarden::ingest {
namespace {

constexpr std::uint8_t kFormat = 0x51;  // 'Q': no `FolderFile` begins so

}  // namespace

ObjectIdentity identity_of(std::string_view bucket, std::string_view key, std::string_view etag) {
  ByteWriter parts;
  for (const std::string_view part : {bucket, key, etag}) parts.text(part);
  const std::string hash = sha256_bytes(parts.bytes());
  ByteReader words(hash);
  const auto first = words.number<std::uint64_t>();
  return {first, words.number<std::uint64_t>()};
}

std::string encode(const QueueObject& object) {
  ByteWriter out;
  out.number(kFormat);
  out.number(object.identity.first);
  out.number(object.identity.second);
  out.time(object.sent);
  out.number(object.position);
  out.flag(object.done);
  return std::move(out).bytes();
}

std::optional<QueueObject> decode_queue_object(std::int64_t id, std::string_view state) {
  ByteReader in(state);
  if (in.number<std::uint8_t>() != kFormat) return std::nullopt;
  QueueObject object{.id = id};
  object.identity.first = in.number<std::uint64_t>();
  object.identity.second = in.number<std::uint64_t>();
  object.sent = in.time();
  object.position = in.number<std::uint64_t>();
  object.done = in.flag();
  if (!in.finish()) return std::nullopt;
  return object;
}

const QueueObject* QueueObjectTable::find(const ObjectIdentity& identity) const {
  const auto found = objects_.find(identity);
  return found == objects_.end() ? nullptr : &found->second;
}

std::int64_t QueueObjectTable::put(QueueObject object) {
  if (object.id == 0) object.id = last_id_ + 1;
  last_id_ = std::max(last_id_, object.id);
  const auto [place, is_new] = objects_.try_emplace(object.identity, object);
  if (is_new) {
    by_age_.emplace(object.sent, object.identity);
  } else {
    object.sent = place->second.sent;  // of the first message that told of it
    place->second = object;
  }
  return object.id;
}

std::vector<std::int64_t> QueueObjectTable::forget(std::size_t most) {
  std::vector<std::int64_t> ids;
  while (ids.size() < most && !by_age_.empty()) {
    const auto oldest = by_age_.begin();
    const bool is_old = by_age_.rbegin()->first - oldest->first > kKeptFor;
    if (!is_old && objects_.size() <= most_) break;
    const auto found = objects_.find(oldest->second);
    ids.push_back(found->second.id);
    objects_.erase(found);
    by_age_.erase(oldest);
  }
  return ids;
}

}  // namespace trailwarden::ingest
