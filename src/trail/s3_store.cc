#include "trail/s3_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "aws/base64.h"
#include "aws/percent.h"
#include "core/clocks.h"
#include "core/hash.h"
#include "core/text.h"
#include "trail/s3_faults.h"

namespace trailwarden::trail {
namespace {

constexpr std::size_t kListed = 1000;
constexpr std::size_t kObjectBytes = std::size_t{256} << 20;
constexpr std::size_t kPageBytes = std::size_t{16} << 20;  // 1,000 keys of 1 KB, escaped
constexpr std::string_view kMetadata = "x-amz-meta-";

bool is_one_word(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

/// Amazon S3 user guide, "General purpose bucket naming rules", and the capitals and underscores that old ones and other servers have.
bool is_bucket_name(std::string_view name) {
  const bool plain = std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'; });
  return plain && name.size() >= 3 && name.size() <= 255 && name.front() != '.' && name.find("..") == std::string_view::npos;
}

ObjectMetadata metadata_of(const aws::HttpResponse& answer) {
  ObjectMetadata metadata;
  for (const auto& [name, value] : answer.headers)
    if (name.starts_with(kMetadata)) metadata.emplace(name.substr(kMetadata.size()), value);
  return metadata;
}

std::string etag_of(const aws::HttpResponse& answer) {
  const auto found = answer.headers.find("etag");
  if (found == answer.headers.end()) return {};
  const std::string_view etag = found->second;
  const bool quoted = etag.size() >= 2 && etag.front() == '"' && etag.back() == '"';
  return std::string(quoted ? etag.substr(1, etag.size() - 2) : etag);
}

std::optional<std::string> problem_with_settings(const S3Settings& settings) {
  if (!is_bucket_name(settings.bucket)) return fmt::format("\"{}\" cannot be the name of a bucket", printable(settings.bucket));
  for (const auto& [name, value] : {std::pair("region", &settings.region), std::pair("kms_key_id", &settings.kms_key_id), std::pair("storage_class", &settings.storage_class)})
    if (!is_one_word(*value)) return fmt::format("{} \"{}\" has characters that it cannot have", name, printable(*value));
  if (settings.region.empty()) return "an S3 bucket needs its `region`; us-east-1 where a server has none";
  if (!settings.kms_key_id.empty() && settings.encryption != S3Settings::Encryption::kKms) return "a KMS key without encryption by KMS";
  const bool locks = settings.lock != S3Settings::Lock::kAsTheBucketHasIt;
  if (locks != (settings.lock_for.count() > 0)) return "an object lock needs both its mode and how many days it holds";
  if (settings.timeout.count() <= 0 || settings.connect_timeout.count() <= 0) return "a time limit must be longer than 0";
  return std::nullopt;
}

std::string list_query(std::string_view prefix) {
  return fmt::format("list-type=2&max-keys={}{}", kListed, prefix.empty() ? "" : "&prefix=" + aws::percent_encoded(prefix));
}

StoreError credentials_fault(const Error& error) {
  const bool may_heal = error.code == ErrorCode::kIo;
  return {may_heal ? StoreFault::kNotNow : StoreFault::kRefused, may_heal ? "CredentialsNotNow" : "NoCredentials", error.message};
}

}  // namespace

Result<std::unique_ptr<S3Store>> S3Store::create(S3Settings settings, aws::HttpClient& http, aws::CredentialChain& credentials, std::function<Timestamp()> now) {
  const auto refuse = [](std::string_view what) { return fail(ErrorCode::kInvalidArgument, std::string(what)); };
  if (const auto problem = problem_with_settings(settings)) return refuse(*problem);
  std::string endpoint = settings.endpoint.empty() ? fmt::format("https://s3.{}.{}", settings.region, aws::domain_of(settings.region)) : settings.endpoint;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const std::size_t scheme_end = endpoint.find("://");
  std::string scheme = scheme_end == std::string::npos ? "" : endpoint.substr(0, scheme_end + 3), host = scheme_end == std::string::npos ? "" : endpoint.substr(scheme_end + 3);
  if ((scheme != "https://" && scheme != "http://") || host.empty() || !is_one_word(host) || host.find_first_of("/?#@") != std::string::npos)
    return refuse(fmt::format("{} is no endpoint; one looks like https://s3.eu-west-1.amazonaws.com or http://127.0.0.1:9000",
                              settings.endpoint.find('@') == std::string::npos ? "\"" + printable(settings.endpoint) + "\"" : "what has a user, and perhaps a password,"));
  const std::string_view default_port = scheme == "https://" ? ":443" : ":80";
  if (host.ends_with(default_port)) host.resize(host.size() - default_port.size());  // as it stands in the Host header
  if (scheme == "https://" && settings.bucket.find('.') != std::string::npos) settings.path_style = true;
  if (!settings.path_style) host = settings.bucket + "." + host;
  return std::unique_ptr<S3Store>(new S3Store(std::move(settings), std::move(scheme), std::move(host), http, credentials, now ? std::move(now) : wall_clock));
}

S3Store::S3Store(S3Settings settings, std::string scheme, std::string host, aws::HttpClient& http, aws::CredentialChain& credentials, std::function<Timestamp()> now)
    : settings_(std::move(settings)),
      scheme_(std::move(scheme)),
      host_(std::move(host)),
      root_(settings_.path_style ? "/" + aws::percent_encoded(settings_.bucket) + "/" : "/"),
      http_(http),
      credentials_(credentials),
      now_(std::move(now)) {}

/// Signs and sends one request. An answer with another status than the wanted ones is an error.
StoreResult<aws::HttpResponse> S3Store::send(const Call& call, std::string_view doing, std::initializer_list<int> wanted) {
  const auto credentials = credentials_.get();
  if (!credentials) return tl::unexpected(credentials_fault(credentials.error()));
  const Timestamp now = now_();
  aws::SignableRequest signable{.method = call.method, .path = root_ + aws::percent_encoded_path(call.key), .query = call.query, .headers = call.headers, .payload_hash = call.payload_hash};
  signable.headers.emplace_back("Host", host_);
  signable.headers.emplace_back("x-amz-content-sha256", signable.payload_hash);
  aws::sign(signable, {settings_.region, "s3"}, *credentials, now);

  const std::string url = scheme_ + host_ + signable.path + (call.query.empty() ? "" : "?" + call.query);
  auto answer = http_.send({.method = call.method,
                            .url = url,
                            .headers = std::move(signable.headers),
                            .body = call.body,
                            .connect_timeout = settings_.connect_timeout,
                            .timeout = settings_.timeout,
                            .stall = settings_.stall,
                            .most_bytes = call.most_bytes,
                            .once = call.method == "PUT",  // what may be there by then has to be looked for first: see `put`
                            .cancelled = settings_.cancelled});
  const std::string signed_at = format_time(now);
  const S3Attempt attempt{fmt::format("{} {}/{} at {}{}", doing, name(), printable(call.key, 1024), scheme_, host_), settings_.bucket, settings_.region, credentials->source, signed_at};
  if (!answer) return tl::unexpected(s3_fault(answer.error(), attempt));
  if (std::ranges::find(wanted, answer->status) != wanted.end()) return std::move(*answer);
  StoreError error = s3_fault(*answer, attempt);
  if (is_about_credentials(error.code)) credentials_.forget(credentials->access_key_id);
  return tl::unexpected(std::move(error));
}

aws::Headers S3Store::put_headers(const NewObject& object, std::string_view sha256) const {
  aws::Headers headers{{"If-None-Match", "*"}, {"x-amz-checksum-sha256", aws::base64(sha256)}};
  if (object.key.ends_with(".json.gz")) {
    headers.emplace_back("Content-Type", "application/json");
    headers.emplace_back("Content-Encoding", "gzip");
  }
  if (settings_.encryption != S3Settings::Encryption::kAsTheBucketHasIt)
    headers.emplace_back("x-amz-server-side-encryption", settings_.encryption == S3Settings::Encryption::kKms ? "aws:kms" : "AES256");
  if (!settings_.kms_key_id.empty()) headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", settings_.kms_key_id);
  if (settings_.lock != S3Settings::Lock::kAsTheBucketHasIt) {
    headers.emplace_back("x-amz-object-lock-mode", settings_.lock == S3Settings::Lock::kCompliance ? "COMPLIANCE" : "GOVERNANCE");
    headers.emplace_back("x-amz-object-lock-retain-until-date", format_time(now_() + settings_.lock_for));
  }
  if (settings_.bucket_owner_full_control) headers.emplace_back("x-amz-acl", "bucket-owner-full-control");
  if (!settings_.storage_class.empty()) headers.emplace_back("x-amz-storage-class", settings_.storage_class);
  for (const auto& [name, value] : object.metadata) headers.emplace_back(std::string(kMetadata) + name, value);
  return headers;
}

StoreResult<bool> S3Store::put(const NewObject& object) {
  if (auto problem = problem_with(object)) return tl::unexpected(std::move(*problem));
  if (object.may_exist) {
    const auto there = head(object.key);
    if (there) return false;
    if (there.error().fault != StoreFault::kNotFound) return tl::unexpected(there.error());
  }
  const std::string sha256 = sha256_bytes(object.bytes);
  const auto answer = send({.method = "PUT", .key = object.key, .headers = put_headers(object, sha256), .body = object.bytes, .payload_hash = to_hex(sha256)}, "put", {200, 412});
  if (!answer) {
    StoreError error = answer.error();
    // There is no object to be missed: the bucket is.
    if (error.fault == StoreFault::kNotFound) error.fault = StoreFault::kRefused;
    return tl::unexpected(std::move(error));
  }
  return answer->status == 200;
}

StoreResult<StoredObject> S3Store::get(std::string_view key) {
  if (auto problem = problem_with_key(key)) return tl::unexpected(std::move(*problem));
  auto answer = send({.key = key, .most_bytes = kObjectBytes}, "get", {200});
  if (!answer) return tl::unexpected(std::move(answer).error());
  ObjectMetadata metadata = metadata_of(*answer);
  return StoredObject{std::move(answer->body), std::move(metadata), etag_of(*answer)};
}

StoreResult<std::string> S3Store::get_range(std::string_view key, std::uint64_t offset, std::uint64_t bytes) {
  if (auto problem = problem_with_key(key)) return tl::unexpected(std::move(*problem));
  auto answer = send({.key = key, .headers = {{"Range", fmt::format("bytes={}-{}", offset, offset + bytes - 1)}}, .most_bytes = bytes}, "get a part of", {206});
  if (!answer) return tl::unexpected(std::move(answer).error());
  return std::move(answer->body);
}

StoreResult<ObjectMetadata> S3Store::head(std::string_view key) {
  if (auto problem = problem_with_key(key)) return tl::unexpected(std::move(*problem));
  const auto answer = send({.method = "HEAD", .key = key}, "look for", {200, 400, 403, 301, 307});
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status == 200) return metadata_of(*answer);
  // A refused HEAD has no body that says why; a GET of its first byte has.
  const auto reason = send({.key = key, .headers = {{"Range", "bytes=0-0"}}}, "look for", {200, 206});
  if (!reason) return tl::unexpected(reason.error());
  return metadata_of(*reason);
}

StoreError S3Store::bad_list(std::string_view what) const {
  return {StoreFault::kRefused, "BadList", fmt::format("list {} at {}{}: {}; is this an S3 server?", name(), scheme_, host_, what)};
}

StoreResult<ListPage> S3Store::list_page(const std::string& query) {
  const auto answer = send({.query = query, .most_bytes = kPageBytes}, "list", {200});
  if (!answer) return tl::unexpected(answer.error());
  auto page = parse_list_page(answer->body);
  if (!page) return tl::unexpected(bad_list(page.error().message));
  return std::move(*page);
}

StoreResult<std::vector<ListedObject>> S3Store::list(std::string_view prefix, std::string_view after) {
  const std::string base = list_query(prefix) + (after.empty() ? "" : "&start-after=" + aws::percent_encoded(after));
  std::vector<ListedObject> found;
  std::string query = base;
  while (true) {
    auto page = list_page(query);
    if (!page) return tl::unexpected(std::move(page.error()));
    for (ListedObject& object : page->objects) {
      // Else a reader that goes on behind the last key would miss some, or never come to an end.
      if (object.key <= (found.empty() ? after : std::string_view(found.back().key))) return tl::unexpected(bad_list("its keys are not in byte order"));
      found.push_back(std::move(object));
    }
    if (found.size() > kListed) found.resize(kListed);
    if (!page->is_truncated || found.size() == kListed) return found;
    query = base + "&continuation-token=" + aws::percent_encoded(page->next_token);
  }
}

StoreResult<ListedFolder> S3Store::list_folder(std::string_view prefix) {
  const std::string base = list_query(prefix) + "&delimiter=%2F";
  ListedFolder found;
  std::string query = base;
  while (true) {
    auto page = list_page(query);
    if (!page) return tl::unexpected(std::move(page.error()));
    // As above: a page that comes again would never end.
    for (std::string& folder : page->folders) {
      if (!folder.starts_with(prefix) || (!found.folders.empty() && folder <= found.folders.back())) return tl::unexpected(bad_list("its folders are not in byte order"));
      found.folders.push_back(std::move(folder));
    }
    for (ListedObject& object : page->objects) {
      if (!found.objects.empty() && object.key <= found.objects.back().key) return tl::unexpected(bad_list("its keys are not in byte order"));
      found.objects.push_back(std::move(object));
    }
    if (!page->is_truncated) return found;
    query = base + "&continuation-token=" + aws::percent_encoded(page->next_token);
  }
}

}  // namespace trailwarden::trail
