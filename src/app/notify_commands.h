#pragma once

#include <string>

namespace trailwarden::app {

struct NotifyArguments {
  std::string config, sink;  // empty: all sinks
  bool dry_run = false;
};

/// `trailwarden notify test`: one made-up finding to each sink, and what it said.
int test_notifications(const NotifyArguments& arguments);

/// `trailwarden notify undelivered`: the messages that were given up, as JSON lines.
int list_undelivered(const NotifyArguments& arguments);

}  // namespace trailwarden::app
