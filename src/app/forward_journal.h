#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"

namespace trailwarden::app {

/// What `forward --resume FILE` has sent of which file or object, so that an interrupted one goes on where it was.
///
/// A file of lines: `trailwarden forward 1 ID CLUSTER TOPIC`; then `+ KEY STEPS` or `+ KEY end`, how far one origin has come (KEY: XXH3 of its name and bytes); and `= N` when it
/// became known that the first N of the lines with `+` are committed. Lines are appended and synced before the transaction that they tell of, whose mark is their number:
/// so the mark of the last transaction that there is says how many of them hold, and the others are cut off. Locked while it is open.
///
/// Memory: 40 bytes an origin that was begun. Threads: one.
class ForwardJournal {
 public:
  /// How far an origin has come: records and whatever else its text holds, in its order.
  struct Entry {
    std::uint64_t key = 0;
    std::uint64_t steps = 0;  // kEnd: all of it
  };
  static constexpr std::uint64_t kEnd = ~std::uint64_t{0};

  /// Reads it, if it is there; nothing is written yet. kMalformed if it is another file; kIo, also while somebody else has it open.
  static Result<ForwardJournal> open(const std::string& path);
  ~ForwardJournal();
  ForwardJournal(ForwardJournal&& other) noexcept;
  ForwardJournal& operator=(ForwardJournal&&) = delete;

  /// What names this work in Kafka: random, made once.
  const std::string& id() const { return id_; }

  /// Cuts off what was not committed, and makes the file if it is new. `mark`: of the last transaction that there is. kInvalidArgument for another cluster or topic, for a
  /// file that is older than the mark, and where Kafka has forgotten the mark and nobody knows whether the last lines hold.
  Result<void> settle(const std::string& cluster, const std::string& topic, std::optional<std::int64_t> mark);

  /// How far it has come by what is committed; 0: not begun.
  std::uint64_t steps_of(std::uint64_t key) const;
  static std::uint64_t key_of(std::string_view name, std::uint64_t bytes);

  /// Appends and syncs; gives the mark for the transaction.
  Result<std::int64_t> prepare(std::span<const Entry> entries);
  /// What was prepared is committed, and so is the mark.
  Result<void> committed();

 private:
  explicit ForwardJournal(std::string path) : path_(std::move(path)) {}
  Result<void> read();
  Result<void> take_line(std::string_view line, std::size_t behind, std::size_t number);
  Result<void> write(std::string_view text);

  struct Line {
    Entry entry;
    std::size_t behind = 0;  // where the next line begins
  };

  std::string path_;
  int file_ = -1;
  std::string id_, cluster_, topic_;
  std::size_t header_bytes_ = 0;         // 0: the file is new
  std::vector<Line> lines_;              // with `+`, until settled
  std::int64_t prepared_ = 0;            // how many lines with `+` there are
  std::optional<std::int64_t> known_;    // as the last `=` has it
  std::unordered_map<std::uint64_t, std::uint64_t> steps_;
};

}  // namespace trailwarden::app
