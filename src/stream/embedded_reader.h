#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "stream/embedded_schema.h"
#include "stream/partitioned_log.h"
#include "stream/sqlite.h"

namespace trailwarden::stream {

/// Looks into the database of an `EmbeddedLog`, in this process or another, while the log works on it or not. Sees what
/// is committed. Writes nothing, but needs leave to write beside the file (SQLite's `-shm`). Owned by one thread.
class EmbeddedReader final : public Topics {
 public:
  /// kNotFound, kIo or kMalformed, with the path.
  static Result<EmbeddedReader> open(const std::string& path);

  /// There is one service to a database.
  const std::string& group() const override { return group_; }
  /// All that hold or held something, the input first.
  Result<std::vector<std::string>> topics();
  /// How many partitions a topic has: at least 1.
  Result<std::int32_t> partitions(std::string_view topic) override;
  Result<Extent> extent(std::string_view topic, std::int32_t partition);
  Result<Extent> range(std::string_view topic, std::int32_t partition) override { return extent(topic, partition); }
  /// What the service committed last; none if it never did.
  Result<std::optional<Progress>> committed() { return read_checkpoint(database_); }

  /// As `PartitionedLog::read`. The reader has a connection of its own: it may go to another thread and live longer
  /// than this. It holds no lock between its reads, so that what is trimmed meanwhile is kNotFound.
  Result<std::unique_ptr<PartitionReader>> read(std::string_view topic, std::int32_t partition, std::int64_t from,
                                                std::optional<std::int64_t> to) override;
  /// The same, but messages of the input have as `append_time` when they were committed, and not the stamp of their
  /// file. Those of other topics have it either way.
  Result<std::unique_ptr<PartitionReader>> read_by_log_time(std::string_view topic, std::int64_t from,
                                                            std::optional<std::int64_t> to);
  /// The log's clock as of its last commit.
  Result<AppendTime> clock();

 private:
  Result<std::unique_ptr<PartitionReader>> open_reader(std::string_view topic, std::int32_t partition,
                                                       std::int64_t from, std::optional<std::int64_t> to,
                                                       bool by_log_time);
  explicit EmbeddedReader(sqlite::Database database) : database_(std::move(database)) {}

  const std::string group_ = "embedded";
  sqlite::Database database_;
};

}  // namespace trailwarden::stream
