#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stream/log.h"

namespace trailwarden::bench {

/// Real records as JSON lines: `../shared/data/real` where it is there, else what `tests/data` ships.
struct Records {
  std::string source;              // where they came from, for the report
  std::vector<std::string> lines;  // in log order, without repeats
};
const Records& real_records();

/// JSON lines of at least `bytes`: the records over and over, each round with later times and other ids, `accounts` account
/// ids in turn (0: as they are). 64 readable bytes follow.
struct Lines {
  std::string text;     // padded
  std::size_t size = 0; // without the padding
  std::uint64_t records = 0;
  std::string_view view() const { return std::string_view(text).substr(0, size); }
};
Lines repeated(const Records& records, std::size_t bytes, std::size_t accounts);

/// A log in memory: `text` in messages of about 256 KiB; what is appended is counted and dropped.
class MemoryLog final : public stream::Log {
 public:
  explicit MemoryLog(std::string_view text) : text_(text) {}

  Result<bool> poll(stream::MessageBatch& batch) override;
  void append(stream::Outgoing) override { ++appended_; }
  Result<void> commit(const std::vector<stream::Position>&) override { return {}; }
  std::uint64_t appended() const { return appended_; }

 private:
  std::string_view text_;
  std::size_t position_ = 0;
  std::int64_t offset_ = 0;
  std::uint64_t appended_ = 0;
};

/// Reads ten fields of two levels of each line with simdjson On-Demand; returns the bytes of text seen, so that nothing is optimised away.
std::uint64_t read_ten_fields(std::string_view lines);

}  // namespace trailwarden::bench
