#include "ingest/s3_notice.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "aws/percent.h"
#include "core/text.h"

namespace trailwarden::ingest {
namespace {

using nlohmann::json;

constexpr std::size_t kMostObjects = 1000;  // of one message; S3 tells of one, CloudTrail of a few
constexpr int kMostWrapped = 3;  // SNS in SNS does not happen; who builds it has a reason

const json* member(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

/// The member as text, if it is one and not empty.
std::optional<std::string> text(const json& object, const char* name) {
  const json* const value = member(object, name);
  if (value == nullptr || !value->is_string() || value->get_ref<const std::string&>().empty()) return std::nullopt;
  return value->get<std::string>();
}

/// As S3 encodes keys: like a form, so that `+` is a space.
std::string form_decoded(std::string encoded) {
  std::ranges::replace(encoded, '+', ' ');
  return aws::percent_decoded(encoded);
}

bool is_region(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

std::string without_quotes(std::string etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') return etag.substr(1, etag.size() - 2);
  return etag;
}

/// What S3's events and EventBridge's have in common: `bucket.name`, and `object` with its key, size and etag.
std::optional<NoticedObject> read_object(const json& of, const char* etag_name, const json& event, const char* region_name) {
  const json* const bucket = member(of, "bucket");
  const json* const object = member(of, "object");
  if (bucket == nullptr || object == nullptr) return std::nullopt;
  auto name = text(*bucket, "name");
  auto key = text(*object, "key");
  if (!name || !key) return std::nullopt;
  NoticedObject out{.bucket = std::move(*name), .key = std::move(*key)};
  if (auto region = text(event, region_name); region && is_region(*region)) out.region = std::move(*region);
  if (auto etag = text(*object, etag_name)) out.etag = without_quotes(std::move(*etag));
  if (const json* const size = member(*object, "size"); size != nullptr && size->is_number_unsigned()) out.bytes = size->get<std::uint64_t>();
  return out;
}

Result<S3Notice> malformed(std::string what) { return fail(ErrorCode::kMalformed, std::move(what)); }

Result<S3Notice> read_s3_records(const json& records) {
  S3Notice notice;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto name = text(records[i], "eventName");
    const json* const s3 = member(records[i], "s3");
    if (!name || s3 == nullptr) return malformed(fmt::format("Records[{}] is no event of S3: it has no eventName or no s3", i));
    if (!name->starts_with("ObjectCreated:") && !name->starts_with("s3:ObjectCreated:")) {
      ++notice.others;
      continue;
    }
    auto object = read_object(*s3, "eTag", records[i], "awsRegion");
    if (!object) return malformed(fmt::format("Records[{}] does not say which object was created", i));
    object->key = form_decoded(std::move(object->key));
    notice.objects.push_back(std::move(*object));
  }
  return notice;
}

Result<S3Notice> read_event_bridge(const json& event, const std::string& detail_type) {
  if (detail_type != "Object Created") {
    const auto source = text(event, "source");
    if (source && *source == "aws.s3") return S3Notice{.objects = {}, .others = 1};
    return malformed(fmt::format("an event \"{}\" of EventBridge tells of no object", printable(detail_type, 80)));
  }
  const json* const detail = member(event, "detail");
  auto object = detail == nullptr ? std::nullopt : read_object(*detail, "etag", event, "region");
  if (!object) return malformed("the event of EventBridge does not say which object was created");
  return S3Notice{.objects = {std::move(*object)}};
}

Result<S3Notice> read_cloudtrail(const json& message) {
  const auto bucket = text(message, "s3Bucket");
  const json* const keys = member(message, "s3ObjectKey");
  if (!bucket || keys == nullptr || !keys->is_array()) return malformed("CloudTrail's notice needs s3Bucket and a list s3ObjectKey");
  S3Notice notice;
  for (const json& key : *keys) {
    if (!key.is_string() || key.get_ref<const std::string&>().empty()) return malformed("CloudTrail's notice has a key that is none");
    notice.objects.push_back({.bucket = *bucket, .key = key.get<std::string>()});
  }
  return notice;
}

Result<S3Notice> read(std::string_view body, int wrapped) {
  const json message = json::parse(body, nullptr, false);
  if (message.is_discarded()) return malformed("it is no JSON");
  if (!message.is_object()) return malformed("it is no JSON object");
  if (const json* const records = member(message, "Records"); records != nullptr && records->is_array()) return read_s3_records(*records);
  if (const auto detail_type = text(message, "detail-type")) return read_event_bridge(message, *detail_type);
  if (message.contains("s3Bucket") || message.contains("s3ObjectKey")) return read_cloudtrail(message);
  if (text(message, "Event") == "s3:TestEvent") return S3Notice{.objects = {}, .others = 1};
  if (const auto type = text(message, "Type")) {
    if (*type == "SubscriptionConfirmation" || *type == "UnsubscribeConfirmation") return S3Notice{.objects = {}, .others = 1};
    const auto inner = text(message, "Message");
    if (*type == "Notification" && inner) {
      // CloudTrail checks a topic with a sentence.
      if (inner->starts_with("CloudTrail validation message")) return S3Notice{.objects = {}, .others = 1};
      if (wrapped == kMostWrapped) return malformed("it is wrapped too often");
      return read(*inner, wrapped + 1);
    }
  }
  return malformed("it is no notice of S3, SNS, EventBridge or CloudTrail");
}

}  // namespace

Result<S3Notice> parse_s3_notice(std::string_view body) {
  auto notice = read(body, 0);
  if (notice && notice->objects.size() > kMostObjects) return malformed(fmt::format("it tells of more than {} objects", kMostObjects));
  return notice;
}

}  // namespace trailwarden::ingest
