#include "stream/embedded_schema.h"

#include <filesystem>
#include <utility>

namespace trailwarden::stream {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFormat = 1;
constexpr std::int64_t kApplicationId = 0x74776c67;  // "twlg", for file(1)
constexpr std::uintmax_t kMostChecked = std::uintmax_t{256} << 20;

/// Before the first table: these cannot be changed afterwards.
constexpr const char* kBeforeTables = "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;";

constexpr const char* kTables = R"(
BEGIN IMMEDIATE;
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint(topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL, metadata TEXT NOT NULL,
  PRIMARY KEY(topic, partition)) STRICT, WITHOUT ROWID;
-- The journal: what was read, until it is trimmed. Messages [first, next); `JournalRow`.
CREATE TABLE input(first INTEGER PRIMARY KEY, next INTEGER NOT NULL, messages BLOB NOT NULL) STRICT;
-- How far each source was read. What `state` says is the source's own.
CREATE TABLE sources(id INTEGER PRIMARY KEY, state BLOB NOT NULL) STRICT;
-- Where each partition that was written to ends.
CREATE TABLE ends(topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
  PRIMARY KEY(topic, partition)) STRICT, WITHOUT ROWID;
CREATE TABLE messages(topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, key BLOB NOT NULL, value BLOB,
  headers BLOB NOT NULL, PRIMARY KEY(topic, partition, offset)) STRICT;
-- Messages of compacted topics: the newest of each key.
CREATE TABLE newest(topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, key BLOB NOT NULL, value BLOB,
  headers BLOB NOT NULL, PRIMARY KEY(topic, partition, key)) STRICT;
CREATE UNIQUE INDEX newest_in_order ON newest(topic, partition, offset);
-- Which messages of a topic stand in its file.
CREATE TABLE delivered(topic TEXT PRIMARY KEY, next_offset INTEGER NOT NULL, position INTEGER NOT NULL, inode INTEGER NOT NULL)
  STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES('format', 1);
PRAGMA application_id = 0x74776c67;
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

Result<void> check_format(sqlite::Database& database) {
  auto id = database.number("PRAGMA application_id");
  if (!id) return fail(std::move(id).error());
  if (*id != kApplicationId) return fail(ErrorCode::kMalformed, database.path() + ": not a database of trailwarden");
  auto format = database.number("SELECT value FROM meta WHERE name = 'format'");
  if (!format) return fail(std::move(format).error());
  if (*format > kFormat)
    return fail(ErrorCode::kUnsupported, database.path() + ": made by a newer version of trailwarden (format " +
                                             std::to_string(*format) + "); use that one");
  return {};
}

Result<void> make_tables(sqlite::Database& database) {
  auto tables = database.number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return fail(std::move(tables).error());
  return *tables > 0 ? Result<void>{} : database.execute(kTables);
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

Result<void> prepare_for_work(sqlite::Database& database, std::uint64_t max_bytes) {
  if (auto done = database.execute(kBeforeTables); !done) return done;
  if (auto done = database.execute(kForWork); !done) return done;
  if (auto done = make_tables(database); !done) return done;
  if (auto done = check_format(database); !done) return done;
  if (auto done = check_whole(database); !done) return done;
  return limit_size(database, max_bytes);
}

}  // namespace

Error with_advice(Error error, std::string_view path) {
  if (error.code != ErrorCode::kMalformed) return error;
  error.message += "; restore " + std::string(path) +
                   " from a copy, or move it and what begins with its name (-wal, -shm) away: " +
                   "then a new one begins with the files that are in the folder now";
  return error;
}

Result<sqlite::Database> open_embedded_database(const std::string& path, std::uint64_t max_bytes) {
  auto database = sqlite::Database::open(path, sqlite::Database::Mode::kReadWrite);
  if (!database) return fail(with_advice(std::move(database).error(), path));
  if (auto prepared = prepare_for_work(*database, max_bytes); !prepared)
    return fail(with_advice(std::move(prepared).error(), path));
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
