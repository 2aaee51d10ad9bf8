#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "core/time.h"

namespace trailwarden::testing {

/// What happened in a simulated run, a line a step: milliseconds since the start, who, what. Keeps the last lines, and a hash over all of them:
/// two runs are the same if their hashes are.
class SimTrace {
 public:
  static constexpr std::size_t kDefaultLines = 2'000;

  explicit SimTrace(std::size_t lines_kept = kDefaultLines) : lines_kept_(lines_kept) {}

  void add(std::chrono::milliseconds since_start, std::string_view who, std::string_view what);

  std::uint64_t hash() const { return hash_; }
  std::uint64_t lines_seen() const { return lines_seen_; }
  /// The last `count` lines, for people.
  std::string tail(std::size_t count = kDefaultLines) const;

 private:
  std::size_t lines_kept_;
  std::deque<std::string> lines_;
  std::uint64_t hash_ = 0, lines_seen_ = 0;
};

}  // namespace trailwarden::testing
