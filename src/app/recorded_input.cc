#include "app/recorded_input.h"

#include <utility>

#include <fmt/format.h>

namespace trailwarden::app {

Result<std::unique_ptr<ingest::FileSource>> open_recorded(const std::vector<std::string>& paths, const Setup& setup, const BucketAccess& buckets, std::optional<Timestamp> since,
                                                          std::optional<Timestamp> until, std::function<bool(std::string_view name, std::uint64_t bytes)> leave_out) {
  const auto open = [buckets](const std::string& name) {
    return open_bucket(name, buckets).map_error([&name](Error error) { return std::move(error).during(fmt::format("s3://{}", name)); });
  };
  return ingest::FileSource::open(paths, {.max_document_bytes = setup.config.input.max_document_bytes, .buckets = {.open = open, .since = since, .until = until}, .leave_out = std::move(leave_out)});
}

int exit_code_of_input(const Error& error) { return error.code == ErrorCode::kIo ? kFailed : kWrongUsage; }

}  // namespace trailwarden::app
