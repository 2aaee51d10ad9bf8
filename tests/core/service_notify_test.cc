#include "core/service_notify.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace trailwarden {
namespace {

/// systemd's end: a datagram socket, named in the environment.
class Systemd {
 public:
  Systemd() {
    const std::string path = dir_.path("notify");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    TRAILWARDEN_CHECK(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "a socket in a temporary folder can be bound");
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~Systemd() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(socket_);
  }
  Systemd(const Systemd&) = delete;
  Systemd& operator=(const Systemd&) = delete;

  /// The next datagram; empty if there is none.
  std::string received() const {
    char buffer[1024];
    const ssize_t size = ::recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
    return size < 0 ? "" : std::string(buffer, static_cast<std::size_t>(size));
  }

 private:
  testing::TempDir dir_;
  int socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

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
