#pragma once

#include <string>

#include <gtest/gtest.h>

namespace trailwarden::testing {

/// What a command of the program printed, and its exit code.
struct Said {
  int code = 0;
  std::string out, err;
};

/// Runs a command as `main` does, for what it says.
template <class Command, class... Arguments>
Said run(Command command, const Arguments&... arguments) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Said said{.code = command(arguments...)};
  said.out = ::testing::internal::GetCapturedStdout();
  said.err = ::testing::internal::GetCapturedStderr();
  return said;
}

}  // namespace trailwarden::testing
