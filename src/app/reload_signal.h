#pragma once

#include <atomic>

namespace trailwarden::app {

/// Becomes true with every SIGHUP; whoever reads the rules anew sets it back. Installs the handler when called; the flag is the process's own, as that of `stop_on_signal`.
std::atomic<bool>& reload_on_signal();

}  // namespace trailwarden::app
