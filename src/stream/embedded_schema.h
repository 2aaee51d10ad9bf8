#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/time.h"
#include "stream/partitioned_log.h"
#include "stream/sqlite.h"

namespace trailwarden::stream {

/// The machine's clock, which a log is stamped by unless it is told another.
AppendTime system_log_time();

/// The one input topic of an `EmbeddedLog`.
inline constexpr std::string_view kFolderTopic = "folder";

/// Opens the database of an `EmbeddedLog` for work, and makes it if it is not there: WAL, every commit on disk before
/// it counts. One of up to 256 MiB is checked whole; one of an older format is brought to this one, and what it holds
/// counts as committed at `now`. `max_bytes`: it grows no larger than that; 0: as large as it has to. kUnsupported for
/// one that a newer version made; kMalformed, with what to do, for a damaged one or something else.
Result<sqlite::Database> open_embedded_database(const std::string& path, std::uint64_t max_bytes, AppendTime now);

/// Opens it for work beside the log that has it open: it is there, sound and of this format.
Result<sqlite::Database> open_embedded_database_beside(const std::string& path);

/// Opens it for looking, while somebody works on it or not. kNotFound; kUnsupported for one of another format.
Result<sqlite::Database> open_embedded_database_read_only(const std::string& path);

/// What the service committed last; none if it never did.
Result<std::optional<Progress>> read_checkpoint(sqlite::Database& database);

/// The error with what a person can do, if it is that the database is damaged.
Error with_advice(Error error, std::string_view path);

}  // namespace trailwarden::stream
