#include "pipeline/snapshot.h"

#include <algorithm>
#include <ranges>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/check.h"
#include "core/hash.h"
#include "core/text.h"
#include "stream/partitioned_log.h"

namespace trailwarden::pipeline {
namespace {

constexpr int kFormat = 1;
constexpr std::string_view kManifest = "manifest";

struct Manifest {
  std::uint64_t bytes = 0, hash = 0;
  std::vector<std::uint64_t> chunks;  // hashes
};

Result<Manifest> parse_manifest(std::string_view text) {
  try {
    const auto json = nlohmann::json::parse(text);
    if (json.at("format") != kFormat) return fail(ErrorCode::kUnsupported, fmt::format("its format is {}, this version reads {}", json.at("format").dump(), kFormat));
    Manifest manifest{.bytes = json.at("bytes")};
    const auto hash = [](const nlohmann::json& value) {
      const auto parsed = parse_hex(value.get_ref<const std::string&>());
      if (!parsed) throw std::invalid_argument("not a hash");
      return *parsed;
    };
    manifest.hash = hash(json.at("hash"));
    for (const auto& chunk : json.at("chunks")) manifest.chunks.push_back(hash(chunk));
    return manifest;
  } catch (const std::exception& error) {
    return fail(ErrorCode::kMalformed, fmt::format("its manifest cannot be read: {}", error.what()));
  }
}

std::string key_of(std::string_view owner, std::int32_t partition, std::int64_t offset, std::string_view what) {
  return fmt::format("{}/{}/{}/{}", owner, partition, offset, what);
}
std::string chunk_name(std::size_t chunk) { return fmt::format("{:06}", chunk); }

stream::Outgoing record(std::string key, std::int32_t partition, std::string value) {
  return {.topic = std::string(stream::kStateTopic), .key = std::move(key), .value = std::move(value), .headers = {}, .partition = partition};
}
stream::Outgoing tombstone(std::string key, std::int32_t partition) {
  stream::Outgoing out = record(std::move(key), partition, {});
  out.has_value = false;
  return out;
}

/// Of a manifest and its chunks, by number.
void add_tombstones(std::string_view owner, std::int32_t partition, std::int64_t offset, auto&& chunks, std::vector<stream::Outgoing>& out) {
  out.push_back(tombstone(key_of(owner, partition, offset, kManifest), partition));
  for (const std::size_t chunk : chunks) out.push_back(tombstone(key_of(owner, partition, offset, chunk_name(chunk)), partition));
}

/// The text behind the last `/`, taken off the end.
std::string_view take_last(std::string_view& text) {
  const std::size_t at = text.rfind('/');
  if (at == std::string_view::npos) return std::exchange(text, {});
  const std::string_view last = text.substr(at + 1);
  text = text.substr(0, at);
  return last;
}

}  // namespace

SnapshotWriter::SnapshotWriter(std::string owner, std::int32_t partition, std::int64_t offset, std::string bytes)
    : owner_(std::move(owner)), partition_(partition), offset_(offset), bytes_(std::move(bytes)), hash_(xxh3_64(bytes_)) {
  for (std::size_t at = 0; at < bytes_.size(); at += kChunkBytes) hashes_.push_back(xxh3_64(std::string_view(bytes_).substr(at, kChunkBytes)));
}

stream::Outgoing SnapshotWriter::next_chunk() {
  TRAILWARDEN_CHECK(!chunks_done(), "there is a chunk left");
  const std::size_t chunk = next_++;
  return record(key_of(owner_, partition_, offset_, chunk_name(chunk)), partition_, bytes_.substr(chunk * kChunkBytes, kChunkBytes));
}

stream::Outgoing SnapshotWriter::manifest() const {
  nlohmann::ordered_json json;
  json["format"] = kFormat;
  json["bytes"] = bytes_.size();
  json["hash"] = hex(hash_);
  json["chunks"] = nlohmann::ordered_json::array();
  for (const std::uint64_t chunk : hashes_) json["chunks"].push_back(hex(chunk));
  return record(key_of(owner_, partition_, offset_, kManifest), partition_, json.dump());
}

std::optional<StateKey> parse_state_key(std::string_view key) {
  const std::string_view what = take_last(key), offset = take_last(key), partition = take_last(key);
  const auto parsed_offset = parse_decimal<std::int64_t>(offset);
  const auto parsed_partition = parse_decimal<std::int32_t>(partition);
  const auto chunk = parse_decimal<std::size_t>(what);
  if (key.empty() || !parsed_offset || !parsed_partition || (what != kManifest && !chunk)) return std::nullopt;
  return StateKey{key, *parsed_partition, *parsed_offset, chunk};
}

void SnapshotShelf::take(const stream::Message& message) {
  const auto key = parse_state_key(message.key);
  if (!key || key->owner != owner_ || key->partition != partition_) return;
  Parts& parts = by_offset_[key->offset];
  if (message.has_value) {
    if (key->chunk) parts.chunks.insert_or_assign(*key->chunk, std::string(message.value));
    else parts.manifest = std::string(message.value);
    return;
  }
  if (key->chunk) parts.chunks.erase(*key->chunk);
  else parts.manifest.reset();
  if (!parts.manifest && parts.chunks.empty()) by_offset_.erase(key->offset);
}

std::vector<SnapshotShelf::Entry> SnapshotShelf::entries() const {
  std::vector<Entry> out;
  for (auto it = by_offset_.rbegin(); it != by_offset_.rend(); ++it) {
    Entry entry{.offset = it->first, .chunks_there = it->second.chunks.size()};
    if (it->second.manifest)
      if (const auto manifest = parse_manifest(*it->second.manifest)) {
        entry.chunks = manifest->chunks.size();
        entry.bytes = manifest->bytes;
      }
    if (const auto whole = bytes(it->first); !whole) entry.problem = whole.error().message;
    out.push_back(std::move(entry));
  }
  return out;
}

Result<std::string> SnapshotShelf::bytes(std::int64_t offset) const {
  const auto found = by_offset_.find(offset);
  if (found == by_offset_.end() || !found->second.manifest) return fail(ErrorCode::kNotFound, fmt::format("snapshot at offset {}: it has no manifest", offset));
  const auto bad = [offset](std::string what) { return fail(ErrorCode::kMalformed, fmt::format("snapshot at offset {}: {}", offset, what)); };
  const auto manifest = parse_manifest(*found->second.manifest);
  if (!manifest) return bad(manifest.error().message);
  std::string whole;
  for (std::size_t i = 0; i < manifest->chunks.size(); ++i) {
    const auto chunk = found->second.chunks.find(i);
    if (chunk == found->second.chunks.end())
      return fail(ErrorCode::kNotFound, fmt::format("snapshot at offset {}: chunk {} of {} is missing", offset, i, manifest->chunks.size()));
    if (xxh3_64(chunk->second) != manifest->chunks[i]) return bad(fmt::format("chunk {} of {} is damaged", i, manifest->chunks.size()));
    whole.append(chunk->second);
  }
  if (whole.size() != manifest->bytes || xxh3_64(whole) != manifest->hash) return bad("size and checksum of the whole do not fit its manifest");
  return whole;
}

std::vector<stream::Outgoing> SnapshotShelf::forget_all_but(const std::vector<std::int64_t>& keep) const {
  std::vector<stream::Outgoing> out;
  for (const auto& [offset, parts] : by_offset_) {
    if (std::find(keep.begin(), keep.end(), offset) != keep.end()) continue;
    add_tombstones(owner_, partition_, offset, std::views::keys(parts.chunks), out);
  }
  return out;
}

std::vector<stream::Outgoing> forget_snapshot(std::string_view owner, std::int32_t partition, std::int64_t offset, std::size_t chunks) {
  std::vector<stream::Outgoing> out;
  add_tombstones(owner, partition, offset, std::views::iota(std::size_t{0}, chunks), out);
  return out;
}

}  // namespace trailwarden::pipeline
