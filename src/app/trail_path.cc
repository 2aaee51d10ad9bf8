#include "app/trail_path.h"

#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "core/text.h"
#include "trail/folder_store.h"

namespace trailwarden::app {
namespace {

constexpr std::string_view kScheme = "s3://", kTop = "AWSLogs";

std::string without_slashes_behind(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
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
  auto bucket = open_bucket(path.bucket, access);
  if (!bucket) return fail(std::move(bucket).error());
  reader.store_ = std::move(*bucket);
  return reader;
}

}  // namespace trailwarden::app
