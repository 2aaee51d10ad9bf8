#include "core/check.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <poll.h>
#include <unistd.h>

#include "core/log.h"

namespace trailwarden {
namespace {

/// Writes to stderr if somebody takes it within a second: a full pipe must not keep a broken program alive.
void write_last_words(const char* text, std::size_t size) {
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&ready, 1, 1000) == 1 && ::write(STDERR_FILENO, text, size) < 0) return;  // nothing left to try
}

}  // namespace

void check_failed(const char* file, int line, const char* condition, const char* belief) {
  log::flush();
  char text[2048];
  const int length = std::snprintf(text, sizeof text, "trailwarden: %s:%d: believed that %s, but not (%s)\n", file, line, belief, condition);
  if (length > 0) write_last_words(text, std::min(static_cast<std::size_t>(length), sizeof text - 1));
  std::abort();
}

}  // namespace trailwarden
