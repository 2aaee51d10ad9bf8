#include "app/stop_signal.h"

#include <csignal>

namespace trailwarden::app {
namespace {

std::atomic<bool> g_stop = false;

void on_signal(int) {
  g_stop = true;
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, SIG_DFL);
}

}  // namespace

std::atomic<bool>& stop_on_signal() {
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, on_signal);
  return g_stop;
}

}  // namespace trailwarden::app
