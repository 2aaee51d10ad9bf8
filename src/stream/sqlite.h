#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace trailwarden::stream::sqlite {

/// A prepared statement: bind, then step until it is false; or `run` for what gives no rows. Reused as often as wanted.
///
/// Views given to `bind` stay valid until the statement is reset, views got from columns until the next step.
/// Errors: kMalformed for what waiting does not heal (the file is damaged or is not what we made), kIo for everything
/// else (the disk is full, the file is locked, reading or writing fails). Belongs to its database's thread.
class Statement {
 public:
  /// Parameters by their order, from 1 on.
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, std::string_view text);
  Statement& bind_bytes(int parameter, std::string_view bytes);
  Statement& bind_null(int parameter);

  /// Goes to the next row; false behind the last one, or when there is none. Then, and after an error, it is reset.
  Result<bool> step();
  /// Steps to the end.
  Result<void> run();
  void reset();

  /// Of the present row, from 0 on. A null is 0, or empty.
  std::int64_t number(int column) const;
  std::string_view bytes(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// One connection to an SQLite file. Owned by one thread at a time. Statements go before it.
class Database {
 public:
  enum class Mode : std::uint8_t { kReadOnly, kReadWrite };  // the second creates a missing file

  /// Waits up to 5 s for locks of others, here and later. kNotFound, kIo or kMalformed, with the path.
  static Result<Database> open(const std::string& path, Mode mode);

  /// Runs statements without parameters; their rows are not looked at.
  Result<void> execute(const char* sql);
  /// For statements of our own: what does not compile means that the file has not the tables it should have.
  Result<Statement> prepare(std::string_view sql);
  /// The one number that a query gives, 0 if it gives nothing.
  Result<std::int64_t> number(std::string_view sql);
  /// The one text that a query gives.
  Result<std::string> text(std::string_view sql);

  /// Whether a transaction is open: an error may have ended it.
  bool in_transaction() const;
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  Database(std::string path, std::unique_ptr<sqlite3, Close> handle)
      : path_(std::move(path)), handle_(std::move(handle)) {}
  Error failure(int code) const;

  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// A transaction that is rolled back unless it is committed.
class Transaction {
 public:
  /// Takes the write lock at once.
  static Result<Transaction> begin(Database& database);
  ~Transaction();
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;

  /// After an error nobody knows whether it happened: the file has to be opened again to see.
  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace trailwarden::stream::sqlite
