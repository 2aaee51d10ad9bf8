#include "core/service_notify.h"

#include <cstdint>
#include <string>
#include <system_error>

#include <systemd/sd-daemon.h>

#include "core/log.h"
#include "core/text.h"

namespace trailwarden {
namespace {

void notify(const std::string& state) {
  if (const int sent = ::sd_notify(0, state.c_str()); sent < 0)
    log::warn("service.notify_failed", {{"state", state}, {"error", std::generic_category().message(-sent)}});
}

}  // namespace

void notify_ready() { notify("READY=1"); }
void notify_stopping() { notify("STOPPING=1"); }
void notify_watchdog() { notify("WATCHDOG=1"); }

// printable(): a newline would begin another assignment.
void notify_status(std::string_view text) { notify("STATUS=" + printable(text)); }

std::optional<std::chrono::microseconds> watchdog_interval() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
  return std::chrono::microseconds{microseconds};
}

}  // namespace trailwarden
