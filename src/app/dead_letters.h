#pragma once

#include <cstddef>
#include <string>

namespace trailwarden::app {

/// The command line of `trailwarden deadletters`.
struct DeadLetterArguments {
  std::string config, reason;  // reason: only those; empty: all
  std::size_t limit = 100;     // the newest of each partition of the topic
  bool as_json = false;        // one object a line
};

/// Shows what was refused: why, where it stood, how much of it there is, how it begins. Exit codes as everywhere.
int show_dead_letters(const DeadLetterArguments& arguments);

}  // namespace trailwarden::app
