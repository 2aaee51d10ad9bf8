#include "app/reload_signal.h"

#include <csignal>

namespace trailwarden::app {
namespace {

std::atomic<bool> g_reload = false;

void on_signal(int) { g_reload = true; }

}  // namespace

std::atomic<bool>& reload_on_signal() {
  std::signal(SIGHUP, on_signal);
  return g_reload;
}

}  // namespace trailwarden::app
