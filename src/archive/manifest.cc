#include "archive/manifest.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace trailwarden::archive {
namespace {

using nlohmann::ordered_json;

constexpr int kVersion = 1;

ordered_json head(std::string_view what, const EpochRange& epoch, Timestamp delivered) {
  return {{"version", kVersion}, {"record", what}, {"topic", epoch.topic}, {"partition", epoch.partition}, {"from", epoch.from}, {"to", epoch.to}, {"delivered", format_time(delivered)}};
}

ordered_json time_or_null(const std::optional<Timestamp>& time) { return time ? ordered_json(format_time(*time)) : ordered_json(nullptr); }

Timestamp time_of(const ordered_json& text) {
  const auto time = parse_event_time(text.get_ref<const std::string&>());
  if (!time) throw std::invalid_argument("not a time: " + text.dump());
  return *time;
}

std::optional<Timestamp> optional_time_of(const ordered_json& text) { return text.is_null() ? std::nullopt : std::optional(time_of(text)); }

trail::ObjectKind kind_of(std::string_view text) {
  using trail::ObjectKind;
  constexpr std::array kKinds{ObjectKind::kLog, ObjectKind::kInsight, ObjectKind::kDigest, ObjectKind::kNetworkActivity, ObjectKind::kAggregated};
  const auto found = std::find_if(kKinds.begin(), kKinds.end(), [text](ObjectKind kind) { return trail::to_string(kind) == text; });
  if (found == kKinds.end()) throw std::invalid_argument("no kind of object: " + std::string(text));
  return *found;
}

EpochRange range_of(const ordered_json& json) {
  return {json.at("topic").get<std::string>(), json.at("partition").get<std::int32_t>(), json.at("from").get<std::int64_t>(), json.at("to").get<std::int64_t>()};
}

ManifestObject object_of(const ordered_json& json) {
  ManifestObject out;
  out.epoch = range_of(json);
  out.delivered = time_of(json.at("delivered"));
  out.trail = json.at("trail").get<std::string>();
  out.bucket = json.at("bucket").get<std::string>();
  out.key = json.at("key").get<std::string>();
  out.place = {json.at("account").get<std::string>(), json.at("region").get<std::string>()};
  out.kind = kind_of(json.at("kind").get_ref<const std::string&>());
  out.sha256 = json.at("sha256").get<std::string>();
  out.records = json.at("records").get<std::uint64_t>();
  out.text_bytes = json.at("textBytes").get<std::uint64_t>();
  out.bytes = json.at("bytes").get<std::uint64_t>();
  out.oldest = optional_time_of(json.at("oldest"));
  out.newest = optional_time_of(json.at("newest"));
  return out;
}

ManifestEpoch epoch_of(const ordered_json& json) {
  ManifestEpoch out;
  out.epoch = range_of(json);
  out.delivered = time_of(json.at("delivered"));
  const auto count = [&json](const char* name) { return json.at(name).get<std::uint64_t>(); };
  out.counts = {count("read"), count("archived"), count("unwanted"), count("skipped"), count("unarchivable"), count("fallback")};
  out.objects = count("objects");
  return out;
}

ManifestProgress progress_of(const ordered_json& json) {
  return {json.at("topic").get<std::string>(), json.at("partition").get<std::int32_t>(), json.at("offset").get<std::int64_t>(), time_of(json.at("delivered"))};
}

}  // namespace

std::string to_json(const ManifestObject& object) {
  ordered_json out = head("object", object.epoch, object.delivered);
  out.update({{"trail", object.trail}, {"bucket", object.bucket}, {"key", object.key}, {"account", object.place.account}, {"region", object.place.region},
              {"kind", trail::to_string(object.kind)}, {"sha256", object.sha256}, {"records", object.records}, {"textBytes", object.text_bytes}, {"bytes", object.bytes},
              {"oldest", time_or_null(object.oldest)}, {"newest", time_or_null(object.newest)}});
  return out.dump();
}

std::string to_json(const ManifestEpoch& epoch) {
  ordered_json out = head("epoch", epoch.epoch, epoch.delivered);
  const ArchiveCounts& counts = epoch.counts;
  out.update({{"read", counts.read}, {"archived", counts.archived}, {"unwanted", counts.unwanted}, {"skipped", counts.skipped}, {"unarchivable", counts.unarchivable},
              {"fallback", counts.fallback}, {"objects", epoch.objects}});
  return out.dump();
}

std::string to_json(const ManifestProgress& progress) {
  return ordered_json{{"version", kVersion}, {"record", "progress"}, {"topic", progress.topic}, {"partition", progress.partition}, {"offset", progress.offset}, {"delivered", format_time(progress.delivered)}}.dump();
}

Result<ManifestRecord> parse_manifest_record(std::string_view text) {
  try {
    const ordered_json json = ordered_json::parse(text);
    if (json.at("version").get<int>() != kVersion) return fail(ErrorCode::kUnsupported, "a manifest record of another version: " + json.at("version").dump());
    const auto& record = json.at("record").get_ref<const std::string&>();
    if (record == "object") return object_of(json);
    if (record == "epoch") return epoch_of(json);
    if (record == "progress") return progress_of(json);
    return fail(ErrorCode::kMalformed, "a manifest record that is neither an object nor an epoch nor progress: " + record);
  } catch (const std::exception& error) {
    return fail(ErrorCode::kMalformed, std::string("not a manifest record: ") + error.what());
  }
}

}  // namespace trailwarden::archive
