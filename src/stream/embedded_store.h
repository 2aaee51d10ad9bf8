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

/// A group that reads topics of an `EmbeddedLog` besides it.
struct EmbeddedFollowing {
  std::string group;
  std::vector<std::string> topics;
};

/// The tables of an `EmbeddedLog`, as statements; several may work on one file, each with topics of its
/// own to write. Owned by one thread; errors as `sqlite::Statement` has them.
class EmbeddedStore {
 public:
  struct Options {
    std::uint64_t max_bytes = 0;                // as `open_embedded_database`
    std::vector<std::string> compacted;         // topics
    std::int64_t kept_messages = 0;             // of a topic that is neither compacted nor of alerts; 0: all
    std::vector<EmbeddedFollowing> followers;   // what they have not committed is kept
    std::function<AppendTime()> now = system_log_time;
    bool beside = false;                        // somebody else has made the database, and holds it against other processes
  };
  static Result<EmbeddedStore> open(const std::string& path, Options options);

  Result<std::optional<Progress>> checkpoint() { return read_checkpoint(database_); }
  Result<void> each_source(const std::function<void(std::int64_t id, std::string_view state)>& tell);
  /// Where the journal begins, if it holds anything.
  Result<std::optional<std::int64_t>> first_input();

  /// What is written between `begin` and `Transaction::commit` counts together or not at all; `settle` says which. The
  /// log's clock moves on to now, unless it is there already, and is what everything in the transaction is stamped with.
  /// So whoever reads the clock in a transaction of his own has seen all that was stamped earlier.
  Result<sqlite::Transaction> begin();
  AppendTime time() const { return time_; }
  Result<void> put_input(std::int64_t first, std::int64_t next, std::string_view row);
  Result<void> put_source(const SourceMark& mark);
  Result<void> put_checkpoint(std::int64_t next_offset, std::string_view metadata);

  /// What a group has committed of partition 0 of a topic; none if nothing.
  struct Followed {
    std::int64_t next_offset = 0;
    std::string metadata;
    std::optional<std::int64_t> cut;
  };
  Result<std::optional<Followed>> followed(std::string_view group, std::string_view topic);
  Result<void> put_followed(std::string_view group, std::string_view topic, const Followed& followed);
  /// The first offset of a topic that a follower may still ask for; none if nobody follows it.
  Result<std::optional<std::int64_t>> held(std::string_view topic);

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

  /// Finds out where partition 0 of a topic ends that others write to as well. Not within a transaction.
  Result<void> look_at_end(std::string_view topic);
  /// Where partition 0 of a topic ends, as far as known.
  std::int64_t end(std::string_view topic) const;
  /// Calls `take` with values of partition 0 from `offset` on until it returns false. Gives the offset behind the last
  /// one taken.
  Result<std::int64_t> each_value(std::string_view topic, std::int64_t offset,
                                  const std::function<bool(std::string_view value)>& take);

 private:
  using Ends = std::map<std::pair<std::string, std::int32_t>, std::int64_t, std::less<>>;
  struct Statements {
    sqlite::Statement put_input, put_source, drop_source, put_checkpoint, put_end, append, replace, drop, trim, forget;
    sqlite::Statement end, clock, put_clock, followed, put_followed;
  };

  EmbeddedStore(sqlite::Database database, Statements statements, Ends ends, Options options)
      : options_(std::move(options)),
        database_(std::move(database)),
        statements_(std::move(statements)),
        ends_(std::move(ends)),
        compacted_(options_.compacted.begin(), options_.compacted.end()) {}
  static Result<Statements> prepare(sqlite::Database& database);
  static Result<Ends> read_ends(sqlite::Database& database);
  Result<void> stamp();
  Result<std::int64_t> next_offset(const std::string& topic, std::int32_t partition);
  Result<void> forget(std::string_view topic, std::int32_t partition, std::int64_t appended);

  Options options_;
  sqlite::Database database_;
  Statements statements_;
  Ends ends_, open_ends_;  // committed, as far as known; of the open transaction
  AppendTime time_{};      // of the open transaction
  bool told_ahead_ = false;
  std::set<std::string, std::less<>> compacted_;
};

}  // namespace trailwarden::stream
