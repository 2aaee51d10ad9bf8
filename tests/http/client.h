#pragma once

#include <arpa/inet.h>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>

#include "core/check.h"

namespace trailwarden::testing {

/// An HTTP client that sends whatever bytes it is given. Waits a minute for an answer and then fails, so that no test hangs.
class Client {
 public:
  Client() {
    const timeval minute{60, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof minute);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &minute, sizeof minute);
  }
  explicit Client(std::uint16_t port) : Client() { TRAILWARDEN_CHECK(connect(port), "somebody listens"); }
  ~Client() {
    if (socket_ >= 0) ::close(socket_);
  }
  Client(Client&& other) noexcept : socket_(std::exchange(other.socket_, -1)), received_(std::move(other.received_)) {}
  Client& operator=(Client&&) = delete;

  bool connect(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  /// False if the other side has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool get(std::string_view target, std::string_view headers = "") {
    return send("GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) + "\r\n");
  }

  /// Says that nothing more will be sent.
  void finish() { ::shutdown(socket_, SHUT_WR); }

  /// The next answer, header and body; what there is of it, if the connection ends before.
  std::string answer(bool has_body = true) {
    std::size_t size;
    while ((size = size_of_answer(has_body)) > received_.size() && receive()) {}
    std::string out = received_.substr(0, size);
    received_.erase(0, size);
    return out;
  }
  /// Everything until the connection ends.
  std::string rest() {
    while (receive()) {}
    return std::exchange(received_, {});
  }

 private:
  std::size_t size_of_answer(bool has_body) const {
    constexpr std::string_view kLength = "Content-Length: ";
    const std::size_t end = received_.find("\r\n\r\n");
    if (end == std::string::npos) return std::string::npos;
    const std::size_t length = received_.find(kLength);
    return end + 4 + (has_body && length < end ? std::strtoul(received_.c_str() + length + kLength.size(), nullptr, 10) : 0);
  }
  bool receive() {
    char buffer[65536];
    const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
    if (got > 0) received_.append(buffer, static_cast<std::size_t>(got));
    TRAILWARDEN_CHECK(got >= 0 || errno != EAGAIN, "a server answers or closes");
    return got > 0;
  }

  int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string received_;
};

}  // namespace trailwarden::testing
