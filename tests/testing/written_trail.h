#pragma once

#include <vector>

#include "trail/digest_chain.h"
#include "trail/digest_key.h"
#include "trail/log_object.h"
#include "trail/object_store.h"

namespace trailwarden::testing {

/// A trail as archiver and digest writer leave it: two logs in each hour but every sixth, and two that become known hours late.
struct WrittenTrail {
  trail::TrailNames names{.trail = "main", .home_region = "eu-central-1"};
  trail::Place place{"111122223333", "eu-west-1"};
  Timestamp start = parse_event_time("2026-03-01T00:00:00Z").value();
  int hours = 24;
  bool paused = false;  // logging stops at 10:20 and starts again at 13:00

  std::vector<std::string> logs;                 // keys, in the order of their delivery
  std::vector<std::string> digests, backfill;    // keys, by their ends

  Timestamp end() const { return start + std::chrono::hours{hours}; }
  void write(trail::ObjectStore& store, const trail::DigestKey& key);
};

/// The text of a log of `records` records that were made shortly before `delivered`, as an object.
trail::LogObject a_log_object(Timestamp delivered, int records);

}  // namespace trailwarden::testing
