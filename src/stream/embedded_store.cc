#include "stream/embedded_store.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>

#include "core/log.h"
#include "stream/embedded_headers.h"
#include "stream/embedded_schema.h"

namespace trailwarden::stream {
namespace {

constexpr std::int64_t kMostPagesShrunk = 2048;  // 8 MiB at a time
constexpr std::int64_t kFewFreePages = 1024;     // these are kept for what comes next
constexpr std::chrono::minutes kClockIsAhead{1};  // which people should know

std::int64_t ms(AppendTime time) { return time.time_since_epoch().count(); }

}  // namespace

Result<EmbeddedStore> EmbeddedStore::open(const std::string& path, Options options) {
  auto database = options.beside ? open_embedded_database_beside(path)
                                 : open_embedded_database(path, options.max_bytes, options.now());
  if (!database) return fail(std::move(database).error());
  auto statements = prepare(*database);
  if (!statements) return fail(std::move(statements).error());
  auto ends = read_ends(*database);
  if (!ends) return fail(std::move(ends).error());
  return EmbeddedStore(std::move(*database), std::move(*statements), std::move(*ends), std::move(options));
}

Result<EmbeddedStore::Statements> EmbeddedStore::prepare(sqlite::Database& database) {
  Result<void> failed;
  const auto made = [&](const char* sql) -> std::optional<sqlite::Statement> {
    auto statement = database.prepare(sql);
    if (statement) return std::move(*statement);
    failed = fail(std::move(statement).error());
    return std::nullopt;
  };
  auto put_input = made("INSERT INTO input VALUES(?1, ?2, ?3, ?4)");
  auto put_source = made("INSERT INTO sources VALUES(?1, ?2) ON CONFLICT(id) DO UPDATE SET state = excluded.state");
  auto drop_source = made("DELETE FROM sources WHERE id = ?1");
  auto put_checkpoint = made("INSERT OR REPLACE INTO checkpoint VALUES('folder', 0, ?1, ?2)");
  auto put_end = made("INSERT OR REPLACE INTO ends VALUES(?1, ?2, ?3)");
  auto append = made("INSERT INTO messages VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  auto replace = made(
      "INSERT INTO newest VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(topic, partition, key) "
      "DO UPDATE SET offset = excluded.offset, value = excluded.value, headers = excluded.headers");
  auto drop = made("DELETE FROM newest WHERE topic = ?1 AND partition = ?2 AND key = ?3");
  auto trim = made(
      "DELETE FROM input WHERE first IN (SELECT first FROM input WHERE first < ?1 AND next <= ?1 ORDER BY first LIMIT "
      "?2)");
  auto forget = made("DELETE FROM messages WHERE topic = ?1 AND partition = ?2 AND offset <= ?3");
  auto end = made("SELECT next_offset FROM ends WHERE topic = ?1 AND partition = ?2");
  auto clock = made("SELECT value FROM meta WHERE name = 'clock'");
  auto put_clock = made("INSERT OR REPLACE INTO meta VALUES('clock', ?1)");
  auto followed =
      made("SELECT next_offset, metadata, cut FROM followers WHERE grp = ?1 AND topic = ?2 AND partition = 0");
  auto put_followed = made("INSERT OR REPLACE INTO followers VALUES(?1, ?2, 0, ?3, ?4, ?5)");
  if (!failed) return fail(std::move(failed).error());
  return Statements{std::move(*put_input),      std::move(*put_source), std::move(*drop_source),
                    std::move(*put_checkpoint), std::move(*put_end),    std::move(*append),
                    std::move(*replace),        std::move(*drop),       std::move(*trim),
                    std::move(*forget),         std::move(*end),        std::move(*clock),
                    std::move(*put_clock),      std::move(*followed),   std::move(*put_followed)};
}

Result<EmbeddedStore::Ends> EmbeddedStore::read_ends(sqlite::Database& database) {
  auto statement = database.prepare("SELECT topic, partition, next_offset FROM ends");
  if (!statement) return fail(std::move(statement).error());
  Ends ends;
  while (true) {
    auto row = statement->step();
    if (!row) return fail(std::move(row).error());
    if (!*row) return ends;
    ends[{std::string(statement->bytes(0)), static_cast<std::int32_t>(statement->number(1))}] = statement->number(2);
  }
}

Result<void> EmbeddedStore::each_source(const std::function<void(std::int64_t id, std::string_view state)>& tell) {
  auto statement = database_.prepare("SELECT id, state FROM sources ORDER BY id");
  if (!statement) return fail(std::move(statement).error());
  while (true) {
    auto row = statement->step();
    if (!row) return fail(std::move(row).error());
    if (!*row) return {};
    tell(statement->number(0), statement->bytes(1));
  }
}

Result<std::optional<std::int64_t>> EmbeddedStore::first_input() {
  auto statement = database_.prepare("SELECT first FROM input ORDER BY first LIMIT 1");
  if (!statement) return fail(std::move(statement).error());
  auto row = statement->step();
  if (!row) return fail(std::move(row).error());
  return *row ? std::optional(statement->number(0)) : std::nullopt;
}

Result<void> EmbeddedStore::put_input(std::int64_t first, std::int64_t next, std::string_view row) {
  return statements_.put_input.bind(1, first).bind(2, next).bind_bytes(3, row).bind(4, ms(time_)).run();
}

Result<void> EmbeddedStore::put_source(const SourceMark& mark) {
  if (!mark.state) return statements_.drop_source.bind(1, mark.source).run();
  return statements_.put_source.bind(1, mark.source).bind_bytes(2, *mark.state).run();
}

Result<void> EmbeddedStore::put_checkpoint(std::int64_t next_offset, std::string_view metadata) {
  return statements_.put_checkpoint.bind(1, next_offset).bind(2, metadata).run();
}

Result<void> EmbeddedStore::append(const Outgoing& message) {
  const std::int32_t partition = message.partition.value_or(0);
  const auto next = next_offset(message.topic, partition);
  if (!next) return fail(next.error());
  const std::int64_t offset = *next;
  if (auto put = statements_.put_end.bind(1, message.topic).bind(2, partition).bind(3, offset + 1).run(); !put)
    return put;
  open_ends_[{message.topic, partition}] = offset + 1;
  const bool compacted = compacted_.contains(message.topic);
  if (compacted && !message.has_value)
    return statements_.drop.bind(1, message.topic).bind(2, partition).bind_bytes(3, message.key).run();
  const std::string headers = encode_headers(message.headers);
  sqlite::Statement& statement = compacted ? statements_.replace : statements_.append;
  statement.bind(1, message.topic).bind(2, partition).bind(3, offset).bind_bytes(4, message.key).bind_bytes(6, headers);
  if (message.has_value)
    statement.bind_bytes(5, message.value);
  else
    statement.bind_null(5);
  if (!compacted) statement.bind(7, ms(time_));
  if (auto put = statement.run(); !put) return put;
  return compacted ? Result<void>{} : forget(message.topic, partition, offset);
}

/// Where a partition ends, in the open transaction: somebody else may have written to it since the last one.
Result<std::int64_t> EmbeddedStore::next_offset(const std::string& topic, std::int32_t partition) {
  if (const auto known = open_ends_.find(std::pair(topic, partition)); known != open_ends_.end()) return known->second;
  auto row = statements_.end.bind(1, topic).bind(2, partition).step();
  if (!row) return fail(std::move(row).error());
  const std::int64_t end = *row ? statements_.end.number(0) : 0;
  statements_.end.reset();
  return end;
}

/// What is too old, and what nobody is going to ask for.
Result<void> EmbeddedStore::forget(std::string_view topic, std::int32_t partition, std::int64_t appended) {
  // Alerts wait for their file, and are what all this is for.
  const bool is_bounded = options_.kept_messages > 0 && topic != kAlertsTopic;
  if (!is_bounded || appended < options_.kept_messages) return {};
  auto needed = held(topic);
  if (!needed) return fail(std::move(needed).error());
  const std::int64_t last = std::min(appended - options_.kept_messages, needed->value_or(appended) - 1);
  return statements_.forget.bind(1, topic).bind(2, partition).bind(3, last).run();
}

Result<std::optional<EmbeddedStore::Followed>> EmbeddedStore::followed(std::string_view group, std::string_view topic) {
  auto row = statements_.followed.bind(1, group).bind(2, topic).step();
  if (!row) return fail(std::move(row).error());
  if (!*row) return std::nullopt;
  Followed followed{statements_.followed.number(0), std::string(statements_.followed.bytes(1)), std::nullopt};
  if (!statements_.followed.is_null(2)) followed.cut = statements_.followed.number(2);
  statements_.followed.reset();
  return followed;
}

Result<void> EmbeddedStore::put_followed(std::string_view group, std::string_view topic, const Followed& followed) {
  auto& put = statements_.put_followed;
  put.bind(1, group).bind(2, topic).bind(3, followed.next_offset).bind(4, followed.metadata);
  if (followed.cut) put.bind(5, *followed.cut);
  else put.bind_null(5);
  return put.run();
}

Result<std::optional<std::int64_t>> EmbeddedStore::held(std::string_view topic) {
  std::optional<std::int64_t> lowest;
  for (const EmbeddedFollowing& follower : options_.followers) {
    if (std::find(follower.topics.begin(), follower.topics.end(), topic) == follower.topics.end()) continue;
    auto known = followed(follower.group, topic);
    if (!known) return fail(std::move(known).error());
    const std::int64_t needed = *known ? (*known)->next_offset : 0;  // one that has not begun wants all there is
    lowest = std::min(lowest.value_or(needed), needed);
  }
  return lowest;
}

Result<sqlite::Transaction> EmbeddedStore::begin() {
  auto transaction = sqlite::Transaction::begin(database_);
  if (!transaction) return transaction;
  open_ends_.clear();
  if (auto stamped = stamp(); !stamped) return fail(std::move(stamped).error());
  return transaction;
}

Result<void> EmbeddedStore::stamp() {
  auto row = statements_.clock.step();
  if (!row) return fail(std::move(row).error());
  const AppendTime before{std::chrono::milliseconds{*row ? statements_.clock.number(0) : 0}};
  statements_.clock.reset();
  const AppendTime now = options_.now();
  if (!told_ahead_ && now + kClockIsAhead < before) {
    told_ahead_ = true;
    log::warn("stream.clock_stands_still", {{"path", database_.path()},
                                            {"why", "this machine's clock was set back: the log's own waits for it"},
                                            {"seconds", std::chrono::floor<std::chrono::seconds>(before - now).count()}});
  }
  time_ = std::max(before, now);
  if (time_ == before) return {};
  return statements_.put_clock.bind(1, ms(time_)).run();
}

Result<void> EmbeddedStore::trim(std::int64_t offset, std::int64_t rows) {
  return statements_.trim.bind(1, offset).bind(2, rows).run();
}

void EmbeddedStore::settle(bool committed) {
  if (committed)
    for (const auto& [partition, end] : open_ends_) ends_[partition] = end;
  open_ends_.clear();
}

Result<void> EmbeddedStore::settle_doubt() {
  auto ends = read_ends(database_);
  if (!ends) return fail(std::move(ends).error());
  ends_ = std::move(*ends);
  open_ends_.clear();
  return {};
}

Result<bool> EmbeddedStore::shrink() {
  auto free = database_.number("PRAGMA freelist_count");
  auto pages = database_.number("PRAGMA page_count");
  if (!free || !pages) return fail(std::move(!free ? free : pages).error());
  const std::int64_t spare = *free - std::max(kFewFreePages, *pages / 4);
  if (spare <= 0) return false;
  const std::string sql = "PRAGMA incremental_vacuum(" + std::to_string(std::min(spare, kMostPagesShrunk)) + ")";
  if (auto done = database_.execute(sql.c_str()); !done) return fail(std::move(done).error());
  return spare > kMostPagesShrunk;
}

Result<EmbeddedSize> EmbeddedStore::size() {
  auto page = database_.number("PRAGMA page_size");
  auto pages = database_.number("PRAGMA page_count");
  auto free = database_.number("PRAGMA freelist_count");
  if (!page || !pages || !free) return fail(ErrorCode::kIo, database_.path() + ": its size cannot be told");
  std::error_code error;
  const std::uintmax_t wal = std::filesystem::file_size(database_.path() + "-wal", error);
  return EmbeddedSize{.database = static_cast<std::uint64_t>(*page * *pages),
                      .wal = error ? 0 : wal,
                      .free = static_cast<std::uint64_t>(*page * *free)};
}

Result<std::optional<EmbeddedStore::Delivered>> EmbeddedStore::delivered(std::string_view topic) {
  auto statement = database_.prepare("SELECT next_offset, position, inode FROM delivered WHERE topic = ?1");
  if (!statement) return fail(std::move(statement).error());
  auto row = statement->bind(1, topic).step();
  if (!row) return fail(std::move(row).error());
  if (!*row) return std::nullopt;
  return Delivered{statement->number(0), static_cast<std::uint64_t>(statement->number(1)),
                   static_cast<std::uint64_t>(statement->number(2))};
}

Result<void> EmbeddedStore::put_delivered(std::string_view topic, const Delivered& delivered) {
  auto statement = database_.prepare("INSERT OR REPLACE INTO delivered VALUES(?1, ?2, ?3, ?4)");
  if (!statement) return fail(std::move(statement).error());
  return statement->bind(1, topic)
      .bind(2, delivered.next_offset)
      .bind(3, static_cast<std::int64_t>(delivered.position))
      .bind(4, static_cast<std::int64_t>(delivered.inode))
      .run();
}

Result<void> EmbeddedStore::look_at_end(std::string_view topic) {
  const auto end = next_offset(std::string(topic), 0);
  if (!end) return fail(end.error());
  ends_[{std::string(topic), 0}] = *end;
  return {};
}

std::int64_t EmbeddedStore::end(std::string_view topic) const {
  const auto found = ends_.find(std::pair<std::string, std::int32_t>(topic, 0));
  return found == ends_.end() ? 0 : found->second;
}

Result<std::int64_t> EmbeddedStore::each_value(std::string_view topic, std::int64_t offset,
                                               const std::function<bool(std::string_view value)>& take) {
  auto statement = database_.prepare(
      "SELECT offset, value FROM messages WHERE topic = ?1 AND partition = 0 AND offset >= ?2 ORDER BY offset");
  if (!statement) return fail(std::move(statement).error());
  statement->bind(1, topic).bind(2, offset);
  while (true) {
    auto row = statement->step();
    if (!row) return fail(std::move(row).error());
    if (!*row) return offset;
    offset = statement->number(0) + 1;
    if (!take(statement->bytes(1))) return offset;
  }
}

}  // namespace trailwarden::stream
