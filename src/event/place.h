#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace trailwarden::event {

/// Where a record stood in the input, as an operator would look for it.
struct Place {
  std::string_view origin;          // file, `archive.tar:member`, `-`, or `topic/partition`; lives as long as its batch
  std::uint64_t record_number = 0;  // 1-based within the origin, counting refused and skipped records too
  std::uint64_t byte_offset = 0;    // of its first byte in the inflated origin
  std::int32_t partition = 0;       // of the log; files have one, 0
  std::int64_t offset = 0;          // in the partition: of the message that held the record
};

}  // namespace trailwarden::event
