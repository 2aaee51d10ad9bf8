#pragma once

namespace trailwarden {
/// Prints the log lines that wait, then file, line, condition and belief to stderr (a second each at most, if nobody reads), then aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition, const char* belief);
}  // namespace trailwarden

/// For our own mistakes, never for input: says what was believed and aborts, in release builds too.
#define TRAILWARDEN_CHECK(condition, belief)                                         \
  do {                                                                               \
    if (!(condition)) [[unlikely]]                                                   \
      ::trailwarden::check_failed(__FILE__, __LINE__, #condition, belief);           \
  } while (false)
