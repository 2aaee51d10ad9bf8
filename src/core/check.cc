#include "core/check.h"

#include <cstdio>
#include <cstdlib>

namespace trailwarden {

void check_failed(const char* file, int line, const char* condition, const char* belief) {
  std::fprintf(stderr, "trailwarden: %s:%d: believed that %s, but not (%s)\n", file, line, belief, condition);
  std::abort();
}

}  // namespace trailwarden
