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

/// The command line of `trailwarden offsets skip`.
struct SkipArguments {
  std::string config, topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
};

/// Takes a message out of the way that crashes the service. Exit codes as everywhere.
int skip_message(const SkipArguments& arguments);

}  // namespace trailwarden::app
