#pragma once

#include <cstdlib>
#include <string>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/check.h"
#include "testing/temp_dir.h"

namespace trailwarden::testing {

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
  /// The next datagram, once it is there; empty if none comes in half a minute.
  std::string awaited() const {
    pollfd ready{socket_, POLLIN, 0};
    ::poll(&ready, 1, 30'000);
    return received();
  }

 private:
  testing::TempDir dir_;
  int socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

}  // namespace trailwarden::testing
