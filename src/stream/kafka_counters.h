#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace trailwarden::stream {

/// What a member did since it began, for metrics. Labels are snake_case.
struct KafkaCounters {
  std::map<std::string, std::uint64_t> rebalances;         // "assigned", "revoked", "lost"
  std::map<std::string, std::uint64_t> aborts;             // transactions that came to nothing, by reason: an error code of librdkafka's, in lower case
  std::map<std::string, std::uint64_t> producer_rebuilds;  // by reason
  std::map<std::string, std::uint64_t> consumer_rebuilds;  // by reason
  std::uint64_t commits = 0;
  double commit_seconds = 0, last_commit_seconds = 0;  // all together; the last one
};

}  // namespace trailwarden::stream
