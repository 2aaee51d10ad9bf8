#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "stream/embedded_input.h"
#include "stream/embedded_schema.h"
#include "stream/partitioned_log.h"
#include "stream/sqlite.h"

namespace trailwarden::stream {

/// Bytes of an `EmbeddedLog`'s files.
struct EmbeddedSize {
  std::uint64_t database = 0, wal = 0;
  std::uint64_t free = 0;  // of the database: pages that wait to be used again
};

/// The tables of an `EmbeddedLog`, as statements. Owned by one thread; errors as `sqlite::Statement` has them.
class EmbeddedStore {
 public:
  struct Options {
    std::uint64_t max_bytes = 0;          // as `open_embedded_database`
    std::vector<std::string> compacted;   // topics
    std::int64_t kept_messages = 0;       // of a topic that is neither compacted nor of alerts; 0: all
  };
  static Result<EmbeddedStore> open(const std::string& path, Options options);

  Result<std::optional<Progress>> checkpoint() { return read_checkpoint(database_); }
  Result<void> each_source(const std::function<void(std::int64_t id, std::string_view state)>& tell);
  /// Where the journal begins, if it holds anything.
  Result<std::optional<std::int64_t>> first_input();

  /// What is written between `begin` and `Transaction::commit` counts together or not at all; `settle` says which.
  Result<sqlite::Transaction> begin() { return sqlite::Transaction::begin(database_); }
  Result<void> put_input(std::int64_t first, std::int64_t next, std::string_view row);
  Result<void> put_source(const SourceMark& mark);
  Result<void> put_checkpoint(std::int64_t next_offset, std::string_view metadata);
  Result<void> append(const Outgoing& message);
  /// Deletes journal rows that end at or before `offset`, the oldest `rows` of them.
  Result<void> trim(std::int64_t offset, std::int64_t rows);
  /// What was appended is committed, or was rolled back.
  void settle(bool committed);
  /// Nobody knows which: looks.
  Result<void> settle_doubt();

  /// Gives free pages back to the file system when they are many: a bounded number of them. Says whether that leaves
  /// many.
  Result<bool> shrink();
  Result<EmbeddedSize> size();

  /// Which messages of a topic stand in a file outside, and where that ends.
  struct Delivered {
    std::int64_t next_offset = 0;
    std::uint64_t position = 0;  // bytes
    std::uint64_t inode = 0;     // of the file
  };
  Result<std::optional<Delivered>> delivered(std::string_view topic);
  Result<void> put_delivered(std::string_view topic, const Delivered& delivered);

  /// Where partition 0 of a topic ends.
  std::int64_t end(std::string_view topic) const;
  /// Calls `take` with values of partition 0 from `offset` on until it returns false. Gives the offset behind the last
  /// one taken.
  Result<std::int64_t> each_value(std::string_view topic, std::int64_t offset,
                                  const std::function<bool(std::string_view value)>& take);

 private:
  using Ends = std::map<std::pair<std::string, std::int32_t>, std::int64_t, std::less<>>;
  struct Statements {
    sqlite::Statement put_input, put_source, drop_source, put_checkpoint, put_end, append, replace, drop, trim, forget;
  };

  EmbeddedStore(sqlite::Database database, Statements statements, Ends ends, const Options& options)
      : database_(std::move(database)),
        statements_(std::move(statements)),
        ends_(std::move(ends)),
        compacted_(options.compacted.begin(), options.compacted.end()),
        kept_messages_(options.kept_messages) {}
  static Result<Statements> prepare(sqlite::Database& database);
  static Result<Ends> read_ends(sqlite::Database& database);

  sqlite::Database database_;
  Statements statements_;
  Ends ends_, committed_ends_ = ends_;
  std::set<std::string, std::less<>> compacted_;
  std::int64_t kept_messages_;
};

}  // namespace trailwarden::stream
