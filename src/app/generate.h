#pragma once

#include <cstdint>
#include <string>

namespace trailwarden::app {

/// The command line of `trailwarden generate`.
struct GenerateArguments {
  std::string out;
  std::uint64_t seed = 1;
  std::uint32_t days = 21, accounts = 2;
  double rate = 60.0;  // calls a minute of an account
  bool jsonl = false;
  std::string start = "2026-01-05T00:00:00Z";
  bool incidents = true;
};

/// Runs it; the exit code: 0 fine, 1 the work failed, 2 wrong usage.
int generate(const GenerateArguments& arguments);

}  // namespace trailwarden::app
