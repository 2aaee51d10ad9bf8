#include "app/logs.h"

#include <filesystem>

#include "core/log.h"
#include "ingest/folder_watcher.h"
#include "stream/embedded_log.h"

namespace trailwarden::app {
namespace {

std::string database_of(const config::EmbeddedConfig& embedded) { return embedded.data + "/trailwarden.db"; }

Result<std::unique_ptr<stream::PartitionedLog>> open_embedded(const Setup& setup) {
  const config::EmbeddedConfig& embedded = setup.config.service.embedded;
  std::error_code error;
  std::filesystem::create_directories(embedded.data, error);
  if (error) return fail(io_error("make folder", embedded.data, error.value()));
  auto watcher = ingest::FolderWatcher::open({.folder = embedded.input, .max_document_bytes = setup.config.input.max_document_bytes});
  if (!watcher) return fail(std::move(watcher).error().during("embedded.input"));
  auto log = stream::EmbeddedLog::open({.database = database_of(embedded), .alerts_file = embedded.alerts.empty() ? embedded.data + "/alerts.jsonl" : embedded.alerts},
                                       std::move(*watcher));
  if (!log) return fail(std::move(log).error());
  return std::unique_ptr<stream::PartitionedLog>(std::move(*log));
}

}  // namespace

Result<std::unique_ptr<stream::PartitionedLog>> open_log(const Setup& setup, std::size_t, const std::string& from, ServiceMetrics&) {
  if (!setup.config.service.kafka) {
    if (!from.empty()) return fail(ErrorCode::kInvalidArgument, "--from is for Kafka; the embedded log begins with what is in its folder");
    return open_embedded(setup);
  }
  return fail(ErrorCode::kUnsupported, "kafka is not built in yet");
}

Result<std::unique_ptr<stream::Topics>> open_topics(const Setup& setup) {
  if (setup.config.service.kafka) return fail(ErrorCode::kUnsupported, "kafka is not built in yet");
  auto reader = stream::EmbeddedLog::open_read_only(database_of(setup.config.service.embedded));
  if (!reader) return fail(std::move(reader).error());
  return std::make_unique<stream::EmbeddedReader>(std::move(*reader));
}

}  // namespace trailwarden::app
