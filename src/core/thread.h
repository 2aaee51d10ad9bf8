#pragma once

#include <functional>
#include <thread>

#include "core/result.h"

namespace trailwarden {

/// A thread that takes no signals, so that SIGTERM and its like reach the thread that waits for them, whenever this one was started.
/// SIGPIPE is among them: a write to a closed pipe is an error of that write. Signals of the thread's own mistakes (SIGSEGV) are not blocked.
/// `name` shows in `top -H` and debuggers; at most 15 bytes. kIo if the system has no thread to give.
Result<std::thread> start_thread(const char* name, std::function<void()> body);

}  // namespace trailwarden
