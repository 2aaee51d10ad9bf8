#include "core/service_notify.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "testing/systemd.h"

namespace trailwarden {
namespace {

using testing::Systemd;

TEST(ServiceNotify, SaysWhatSystemdUnderstands) {
  const Systemd systemd;
  notify_ready();
  EXPECT_EQ(systemd.received(), "READY=1");
  notify_watchdog();
  EXPECT_EQ(systemd.received(), "WATCHDOG=1");
  notify_status("7 partitions, lag 3 s");
  EXPECT_EQ(systemd.received(), "STATUS=7 partitions, lag 3 s");
  notify_stopping();
  EXPECT_EQ(systemd.received(), "STOPPING=1");
}

TEST(ServiceNotify, AStatusCannotSayMoreThanAStatus) {
  const Systemd systemd;
  notify_status("topic\nMAINPID=1");
  EXPECT_EQ(systemd.received(), "STATUS=topic\\x0aMAINPID=1");
}

TEST(ServiceNotify, IsSilentWithoutSystemd) {
  ::unsetenv("NOTIFY_SOCKET");
  notify_ready();
  notify_watchdog();
  notify_status("alone");
  notify_stopping();
}

TEST(ServiceNotify, OutlivesSystemd) {
  { const Systemd systemd; }
  ::setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
  notify_ready();
  ::unsetenv("NOTIFY_SOCKET");
}

TEST(ServiceNotify, KnowsHowOftenSystemdWantsToHear) {
  EXPECT_EQ(watchdog_interval(), std::nullopt);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(watchdog_interval(), std::chrono::seconds{30});
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(watchdog_interval(), std::nullopt) << "meant for another process";
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
}

}  // namespace
}  // namespace trailwarden
