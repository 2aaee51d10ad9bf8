#include "app/trail_path.h"

#include <cstdlib>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "core/text.h"
#include "trail/folder_store.h"
#include "trail/s3_store.h"

namespace trailwarden::app {
namespace {

constexpr std::string_view kScheme = "s3://", kTop = "AWSLogs";

std::string without_slashes_behind(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

/// The first of these variables that says something.
std::string from_environment(std::initializer_list<const char*> names) {
  for (const char* const name : names)
    if (const char* const value = std::getenv(name); value != nullptr && *value != '\0') return value;
  return {};
}

trail::S3Settings settings_of(const TrailPath& path, const BucketAccess& access) {
  trail::S3Settings settings{.bucket = path.bucket};
  settings.region = !access.region.empty() ? access.region : from_environment({"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (settings.region.empty()) settings.region = "us-east-1";
  settings.endpoint = !access.endpoint.empty() ? access.endpoint : from_environment({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  settings.path_style = !settings.endpoint.empty();
  return settings;
}

}  // namespace

Result<TrailPath> parse_trail_path(const std::string& path) {
  if (path.starts_with(kScheme)) {
    const std::string rest = without_slashes_behind(path.substr(kScheme.size()));
    const std::size_t slash = rest.find('/');
    TrailPath found{.bucket = rest.substr(0, slash), .prefix = slash == std::string::npos ? "" : rest.substr(slash + 1)};
    if (found.bucket.empty()) return fail(ErrorCode::kInvalidArgument, fmt::format("{} names no bucket; write s3://BUCKET or s3://BUCKET/PREFIX", printable(path)));
    if (found.prefix == kTop) found.prefix.clear();
    if (found.prefix.ends_with("/" + std::string(kTop))) found.prefix.resize(found.prefix.size() - kTop.size() - 1);
    return found;
  }
  if (path.empty()) return fail(ErrorCode::kInvalidArgument, "a trail's folder has no name");
  std::error_code error;
  const std::filesystem::path folder = without_slashes_behind(std::filesystem::absolute(path, error).lexically_normal().string());
  return TrailPath{.folder = folder.filename() == kTop ? folder.parent_path().string() : folder.empty() ? "/" : folder.string()};
}

Result<TrailReader> TrailReader::open(const TrailPath& path, const BucketAccess& access) {
  TrailReader reader;
  if (!path.folder.empty()) {
    auto folder = trail::FolderStore::open_to_read(path.folder);
    if (!folder) return fail(std::move(folder).error());
    reader.store_ = std::move(*folder);
    return reader;
  }
  reader.http_ = std::make_unique<aws::HttpClient>();
  reader.credentials_ = std::make_unique<aws::CredentialChain>(*reader.http_, aws::CredentialChain::Options{.region = access.region});
  auto bucket = trail::S3Store::create(settings_of(path, access), *reader.http_, *reader.credentials_);
  if (!bucket) return fail(std::move(bucket).error());
  reader.store_ = std::move(*bucket);
  return reader;
}

}  // namespace trailwarden::app
