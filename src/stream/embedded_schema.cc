#include "stream/embedded_schema.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "core/log.h"

namespace trailwarden::stream {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFormat = 2;
constexpr std::int64_t kApplicationId = 0x74776c67;  // "twlg", for file(1)
constexpr std::uintmax_t kMostChecked = std::uintmax_t{256} << 20;

/// Before the first table: these cannot be changed afterwards.
constexpr const char* kBeforeTables = "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;";

constexpr std::string_view kFollowers = R"(
-- What other groups have committed. `cut`: an offset where one of them has to end an epoch; null if there is none.
CREATE TABLE followers(grp TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
  metadata TEXT NOT NULL, cut INTEGER, PRIMARY KEY(grp, topic, partition)) STRICT, WITHOUT ROWID;
)";

/// {}: kFollowers.
constexpr const char* kTables = R"(
BEGIN IMMEDIATE;
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint(topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL, metadata TEXT NOT NULL,
  PRIMARY KEY(topic, partition)) STRICT, WITHOUT ROWID;
-- The journal: what was read, until it is trimmed. Messages [first, next); `JournalRow`. `time`: of the commit, in ms,
-- by the log's own clock, which stands in `meta` and never goes back.
CREATE TABLE input(first INTEGER PRIMARY KEY, next INTEGER NOT NULL, messages BLOB NOT NULL, time INTEGER NOT NULL) STRICT;
-- How far each source was read. What `state` says is the source's own.
CREATE TABLE sources(id INTEGER PRIMARY KEY, state BLOB NOT NULL) STRICT;
-- Where each partition that was written to ends.
CREATE TABLE ends(topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
  PRIMARY KEY(topic, partition)) STRICT, WITHOUT ROWID;
CREATE TABLE messages(topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, key BLOB NOT NULL, value BLOB,
  headers BLOB NOT NULL, time INTEGER NOT NULL, PRIMARY KEY(topic, partition, offset)) STRICT;
-- Messages of compacted topics: the newest of each key.
CREATE TABLE newest(topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, key BLOB NOT NULL, value BLOB,
  headers BLOB NOT NULL, PRIMARY KEY(topic, partition, key)) STRICT;
CREATE UNIQUE INDEX newest_in_order ON newest(topic, partition, offset);
-- Which messages of a topic stand in its file.
CREATE TABLE delivered(topic TEXT PRIMARY KEY, next_offset INTEGER NOT NULL, position INTEGER NOT NULL, inode INTEGER NOT NULL)
  STRICT, WITHOUT ROWID;
{}INSERT INTO meta VALUES('format', 2), ('clock', 0);
PRAGMA application_id = 0x74776c67;
COMMIT;
)";

/// From format 1, which had no clock. A default is stored once, not in every row: this takes no longer with a large
/// journal. {0}: the clock, in ms; {1}: kFollowers.
constexpr const char* kFromFormat1 = R"(
BEGIN IMMEDIATE;
ALTER TABLE input ADD COLUMN time INTEGER NOT NULL DEFAULT {0};
ALTER TABLE messages ADD COLUMN time INTEGER NOT NULL DEFAULT {0};
{1}INSERT INTO meta VALUES('clock', {0});
UPDATE meta SET value = 2 WHERE name = 'format';
COMMIT;
)";

/// Of every connection that works. Nothing is mapped: a file that is cut from outside would end the process.
constexpr const char* kForWork = R"(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 1000;
PRAGMA journal_size_limit = 67108864;
PRAGMA temp_store = MEMORY;
PRAGMA cell_size_check = ON;
PRAGMA trusted_schema = OFF;
)";

/// The log comes first: what is beside it waits for it longer than the log waits for what is beside it.
constexpr const char* kBesideTheLog = "PRAGMA busy_timeout = 30000;";

Result<std::int64_t> format_of(sqlite::Database& database) {
  auto id = database.number("PRAGMA application_id");
  if (!id) return fail(std::move(id).error());
  if (*id != kApplicationId) return fail(ErrorCode::kMalformed, database.path() + ": not a database of trailwarden");
  auto format = database.number("SELECT value FROM meta WHERE name = 'format'");
  if (!format) return format;
  if (*format > kFormat)
    return fail(ErrorCode::kUnsupported, database.path() + ": made by a newer version of trailwarden (format " +
                                             std::to_string(*format) + "); use that one");
  return format;
}

Result<void> check_format(sqlite::Database& database) {
  auto format = format_of(database);
  if (!format) return fail(std::move(format).error());
  if (*format < kFormat)
    return fail(ErrorCode::kUnsupported, database.path() + ": made by an older version of trailwarden (format " +
                                             std::to_string(*format) + "); start the service once, which changes it");
  return {};
}

Result<void> migrate(sqlite::Database& database, AppendTime now) {
  auto format = format_of(database);
  if (!format) return fail(std::move(format).error());
  if (*format == kFormat) return {};
  log::info("stream.database_changed", {{"path", database.path()}, {"from_format", *format}, {"to_format", kFormat}});
  return database.execute(fmt::format(kFromFormat1, now.time_since_epoch().count(), kFollowers).c_str());
}

Result<void> make_tables(sqlite::Database& database) {
  auto tables = database.number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return fail(std::move(tables).error());
  return *tables > 0 ? Result<void>{} : database.execute(fmt::format(kTables, kFollowers).c_str());
}

Result<void> check_whole(sqlite::Database& database) {
  std::error_code error;
  if (fs::file_size(database.path(), error) > kMostChecked || error) return {};
  auto answer = database.text("PRAGMA quick_check(1)");
  if (!answer) return fail(std::move(answer).error());
  if (*answer != "ok") return fail(ErrorCode::kMalformed, database.path() + ": " + *answer);
  return {};
}

Result<void> limit_size(sqlite::Database& database, std::uint64_t max_bytes) {
  if (max_bytes == 0) return {};
  auto page = database.number("PRAGMA page_size");
  if (!page) return fail(std::move(page).error());
  const std::uint64_t pages = std::max<std::uint64_t>(max_bytes / static_cast<std::uint64_t>(*page), 1);
  auto set = database.number("PRAGMA max_page_count = " + std::to_string(pages));
  if (!set) return fail(std::move(set).error());
  return {};
}

Result<void> prepare_for_work(sqlite::Database& database, std::uint64_t max_bytes, AppendTime now) {
  if (auto done = database.execute(kBeforeTables); !done) return done;
  if (auto done = database.execute(kForWork); !done) return done;
  if (auto done = make_tables(database); !done) return done;
  if (auto format = format_of(database); !format) return fail(std::move(format).error());
  if (auto done = check_whole(database); !done) return done;
  if (auto done = migrate(database, now); !done) return done;
  return limit_size(database, max_bytes);
}

}  // namespace

AppendTime system_log_time() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

Error with_advice(Error error, std::string_view path) {
  if (error.code != ErrorCode::kMalformed) return error;
  error.message += "; restore " + std::string(path) +
                   " from a copy, or move it and what begins with its name (-wal, -shm) away: " +
                   "then a new one begins with the files that are in the folder now";
  return error;
}

Result<sqlite::Database> open_embedded_database(const std::string& path, std::uint64_t max_bytes, AppendTime now) {
  auto database = sqlite::Database::open(path, sqlite::Database::Mode::kReadWrite);
  if (!database) return fail(with_advice(std::move(database).error(), path));
  if (auto prepared = prepare_for_work(*database, max_bytes, now); !prepared)
    return fail(with_advice(std::move(prepared).error(), path));
  return database;
}

Result<sqlite::Database> open_embedded_database_beside(const std::string& path) {
  auto database = sqlite::Database::open(path, sqlite::Database::Mode::kReadWrite);
  if (!database) return database;
  if (auto done = database->execute(kForWork); !done) return fail(std::move(done).error());
  if (auto done = database->execute(kBesideTheLog); !done) return fail(std::move(done).error());
  if (auto checked = check_format(*database); !checked) return fail(std::move(checked).error());
  return database;
}

Result<sqlite::Database> open_embedded_database_read_only(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error) && !error) return fail(ErrorCode::kNotFound, path + ": no such file");
  auto database = sqlite::Database::open(path, sqlite::Database::Mode::kReadOnly);
  if (!database) return fail(std::move(database).error());
  if (auto checked = check_format(*database); !checked) return fail(std::move(checked).error());
  return database;
}

Result<std::optional<Progress>> read_checkpoint(sqlite::Database& database) {
  auto statement =
      database.prepare("SELECT next_offset, metadata FROM checkpoint WHERE topic = 'folder' AND partition = 0");
  if (!statement) return fail(std::move(statement).error());
  auto row = statement->step();
  if (!row) return fail(std::move(row).error());
  if (!*row) return std::nullopt;
  return Progress{{0, 0}, statement->number(0), std::string(statement->bytes(1))};
}

}  // namespace trailwarden::stream
