#include "app/crash_report.h"

#include <algorithm>
#include <array>
#include <csignal>

#include <fmt/format.h>
#include <unistd.h>

#include "pipeline/judged_now.h"

namespace trailwarden::app {
namespace {

/// Formats into a buffer of its own and writes: neither takes memory or a lock.
void on_crash(int signal) {
  if (const stream::Message* const message = pipeline::judged_now) {
    std::array<char, 1'024> text{};
    const auto end = fmt::format_to_n(text.data(), text.size(),
                                      "trailwarden: crashed (signal {}) while judging {}/{} at offset {}. If it does so every time: trailwarden offsets skip\n", signal,
                                      message->origin.substr(0, 512), message->partition, message->offset);
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), std::min(end.size, text.size()));
  }
  ::raise(signal);  // its default action is back
}

}  // namespace

void report_crashes() {
  struct sigaction action {};
  action.sa_handler = on_crash;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::sigaction(signal, &action, nullptr);
}

}  // namespace trailwarden::app
