#pragma once

#include <functional>
#include <string_view>

namespace trailwarden::failpoint {

/// A named place at which a test may end the process, as a power cut would: TRAILWARDEN_FAIL=NAME:N:abort ends it at the N-th hit of NAME, with exit code 137
/// and nothing flushed; NAME:N:stop freezes it (SIGSTOP); NAME:N:sleep=SECONDS holds up that thread alone. Several, with commas between: each waits for its
/// own hits. Without the variable a hit costs one load. Thread-safe.
void hit(const char* name);

/// For tests in one process: called with the name at every hit of this thread instead; may throw. Empty: as before.
void set_hook(std::function<void(std::string_view name)> hook);

}  // namespace trailwarden::failpoint
