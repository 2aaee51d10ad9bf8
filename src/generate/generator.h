#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/result.h"
#include "core/time.h"

namespace trailwarden::generate {

struct Options {
  std::string folder;  // is made; it must be empty if it exists
  std::uint64_t seed = 1;
  std::uint32_t days = 21;
  std::uint32_t accounts = 2;
  double per_minute = 60.0;  // calls of an account, on average
  bool lines = false;        // events.jsonl instead of objects
  bool incidents = true;
  Timestamp start{std::chrono::seconds{1'767'571'200}};  // 2026-01-05T00:00:00Z, a Monday
};

struct Report {
  std::uint64_t events = 0;      // calls, each counted once
  std::uint64_t duplicates = 0;  // records that were delivered a second time
  std::uint64_t files = 0, bytes = 0;
  std::uint64_t incidents = 0;
};

/// Writes traffic into the folder, and labels.jsonl with the incidents planted in it. The bytes follow from the options alone.
///
/// Memory: about two hours of traffic. Time: about 2 us a record as lines.
/// kInvalidArgument if an option makes no sense or the folder is not empty; kIo if the disk refuses.
Result<Report> generate(const Options& options);

}  // namespace trailwarden::generate
