#pragma once

#include <chrono>
#include <optional>
#include <string_view>

/// What a service tells systemd (`Type=notify`). Each call sends one datagram to $NOTIFY_SOCKET, and does nothing without it; a datagram that
/// cannot be sent is logged. Thread-safe as long as nobody changes the environment. Not for hot loops: a send may wait for systemd.
/// Source: sd_notify(3), sd_watchdog_enabled(3), systemd 252.
namespace trailwarden {

/// The service works: units that come after it may start.
void notify_ready();

/// The service ends.
void notify_stopping();

/// The service is alive. systemd restarts one that stays silent for WatchdogSec.
void notify_watchdog();

/// A line for `systemctl status`. What is not printable is escaped; cut at 200 bytes.
void notify_status(std::string_view text);

/// WatchdogSec, if systemd watches this process: call `notify_watchdog` at least twice in that time.
std::optional<std::chrono::microseconds> watchdog_interval();

}  // namespace trailwarden
