#pragma once

#include <cstdint>
#include <string>

namespace trailwarden::app {

/// The command line of `trailwarden offsets accept-gap`.
struct AcceptGapArguments {
  std::string config, topic;
  std::int32_t partition = 0;
  std::int64_t to = 0;
};

/// Accepts that records are lost. Exit codes as everywhere.
int accept_gap(const AcceptGapArguments& arguments);

}  // namespace trailwarden::app
