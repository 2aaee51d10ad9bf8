#pragma once

#include <atomic>

namespace trailwarden::app {

/// Becomes true at the first SIGINT or SIGTERM, which then does nothing more; the second one kills, as everywhere. Installs the handlers when called; the flag is the
/// process's own, for signal handlers can reach nothing else.
std::atomic<bool>& stop_on_signal();

}  // namespace trailwarden::app
