#include "notify/wire.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace trailwarden::notify {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLook{500};       // at whether it is cancelled
constexpr std::chrono::seconds kEnd{2};  // so long the other side has to end the connection; one that keeps it open has taken the bytes

template <class T, void (*End)(T*)>
struct EndBy {
  void operator()(T* object) const { End(object); }
};
using Context = std::unique_ptr<SSL_CTX, EndBy<SSL_CTX, SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, EndBy<SSL, SSL_free>>;
using Addresses = std::unique_ptr<addrinfo, EndBy<addrinfo, freeaddrinfo>>;

class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

struct Place {
  std::string host, port;
};
Place place_of(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {std::move(host), address.substr(colon + 1)};
}

Result<Addresses> resolve(const std::string& address, int kind) {
  const Place place = place_of(address);
  const addrinfo hints{.ai_socktype = kind};
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &found); code != 0) return fail(ErrorCode::kIo, fmt::format("{}: {}", address, ::gai_strerror(code)));
  return Addresses(found);
}

/// One connection, with its bounds.
class Stream {
 public:
  explicit Stream(const StreamTo& to) : to_(to), until_(Clock::now() + to.timeout) {}

  Result<void> connect();
  Result<void> write(std::string_view bytes);
  Result<void> finish();

 private:
  Result<bool> read_rest();
  Result<bool> read_rest_of_session();
  Result<void> connect_to(const addrinfo& address);
  Result<void> begin_tls();
  Result<void> await(short events, Clock::time_point until);
  /// Repeats an operation of OpenSSL until it is done.
  template <class Operation>
  Result<void> tls(Operation operation, const char* doing);
  tl::unexpected<Error> failure(std::string_view what) const { return fail(ErrorCode::kIo, fmt::format("{}: {}", to_.address, what)); }
  tl::unexpected<Error> failure(int number) const { return failure(std::strerror(number)); }

  const StreamTo& to_;
  const Clock::time_point until_;
  Socket socket_;
  Context context_;
  Session session_;
};

Result<void> Stream::await(short events, Clock::time_point until) {
  while (true) {
    if (to_.cancelled != nullptr && to_.cancelled->load()) return failure("given up, as the service ends");
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    if (left.count() <= 0) return failure("no answer within the timeout");
    pollfd waiting{.fd = socket_.fd(), .events = events, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min(left, kLook).count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return failure(errno);
  }
}

Result<void> Stream::connect_to(const addrinfo& address) {
  socket_ = Socket(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket_.fd() < 0) return failure(errno);
  if (::connect(socket_.fd(), address.ai_addr, address.ai_addrlen) == 0) return {};
  if (errno != EINPROGRESS) return failure(errno);
  if (auto done = await(POLLOUT, until_); !done) return done;
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(socket_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? Result<void>{} : failure(error);
}

Result<void> Stream::connect() {
  auto addresses = resolve(to_.address, SOCK_STREAM);
  if (!addresses) return fail(std::move(addresses).error());
  Result<void> last = failure("no address");
  for (const addrinfo* one = addresses->get(); one != nullptr; one = one->ai_next) {
    last = connect_to(*one);
    if (last) return to_.tls ? begin_tls() : Result<void>{};
  }
  return last;
}

template <class Operation>
Result<void> Stream::tls(Operation operation, const char* doing) {
  while (true) {
    ERR_clear_error();
    errno = 0;
    const int done = operation();
    if (done > 0) return {};
    const int code = SSL_get_error(session_.get(), done), number = errno;
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) {
      if (auto ready = await(code == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until_); !ready) return ready;
      continue;
    }
    if (const long verdict = SSL_get_verify_result(session_.get()); verdict != X509_V_OK) return failure(fmt::format("{}: {}; ca_file names the authorities that are trusted", doing, X509_verify_cert_error_string(verdict)));
    std::array<char, 256> text{};
    ERR_error_string_n(ERR_get_error(), text.data(), text.size());
    return failure(fmt::format("{}: {}", doing, code == SSL_ERROR_SYSCALL && number != 0 ? std::strerror(number) : code == SSL_ERROR_SYSCALL ? "the other side ended the connection" : text.data()));
  }
}

Result<void> Stream::begin_tls() {
  context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context_.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);  // many servers close without a word
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  const bool trusted = to_.ca_file.empty() ? SSL_CTX_set_default_verify_paths(context_.get()) == 1 : SSL_CTX_load_verify_locations(context_.get(), to_.ca_file.c_str(), nullptr) == 1;
  if (!trusted) return failure("ca_file: no certificates can be read from " + to_.ca_file);
  if (!to_.certificate_file.empty() && (SSL_CTX_use_certificate_chain_file(context_.get(), to_.certificate_file.c_str()) != 1 || SSL_CTX_use_PrivateKey_file(context_.get(), to_.key_file.c_str(), SSL_FILETYPE_PEM) != 1))
    return failure("certificate_file, key_file: no certificate with its key can be read from them");
  session_.reset(SSL_new(context_.get()));
  const std::string host = place_of(to_.address).host;
  X509_VERIFY_PARAM* const parameters = SSL_get0_param(session_.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) != 1) {
    SSL_set1_host(session_.get(), host.c_str());
    SSL_set_tlsext_host_name(session_.get(), host.c_str());
  }
  SSL_set_fd(session_.get(), socket_.fd());
  return tls([this] { return SSL_connect(session_.get()); }, "TLS");
}

Result<void> Stream::write(std::string_view bytes) {
  if (session_) return tls([&] { return SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size())); }, "write");
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (auto ready = await(POLLOUT, until_); !ready) return ready;
    } else if (errno != EINTR) {
      return failure(errno);
    }
  }
  return {};
}

/// Until the other side has read all and closes; a reset means that it did not.
Result<void> Stream::finish() {
  if (session_) SSL_shutdown(session_.get());
  ::shutdown(socket_.fd(), SHUT_WR);
  const auto until = std::min(until_, Clock::now() + kEnd);
  while (true) {
    if (auto ready = await(POLLIN, until); !ready) return to_.cancelled != nullptr && to_.cancelled->load() ? ready : Result<void>{};
    auto ended = session_ ? read_rest_of_session() : read_rest();
    if (!ended) return fail(std::move(ended).error());
    if (*ended) return {};
  }
}

/// What there is. True: the other side has closed in an orderly way.
Result<bool> Stream::read_rest() {
  std::array<char, 4096> rest{};
  const ssize_t size = ::recv(socket_.fd(), rest.data(), rest.size(), 0);
  if (size < 0 && errno != EAGAIN && errno != EINTR) return failure(errno);
  return size == 0;
}

/// As TLS has it: in version 1.3 a server says only now that it does not take our certificate.
Result<bool> Stream::read_rest_of_session() {
  std::array<char, 4096> rest{};
  while (true) {
    ERR_clear_error();
    errno = 0;
    const int size = SSL_read(session_.get(), rest.data(), static_cast<int>(rest.size()));
    if (size > 0) continue;
    const int code = SSL_get_error(session_.get(), size), number = errno;
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) return false;
    if (code == SSL_ERROR_ZERO_RETURN || (code == SSL_ERROR_SYSCALL && number == 0)) return true;
    std::array<char, 256> text{};
    ERR_error_string_n(ERR_get_error(), text.data(), text.size());
    return failure(code == SSL_ERROR_SYSCALL ? std::string(std::strerror(number)) : fmt::format("TLS: {}", text.data()));
  }
}

}  // namespace

Result<void> send_stream(const StreamTo& to, std::string_view bytes) {
  Stream stream(to);
  if (auto done = stream.connect(); !done) return done;
  if (auto done = stream.write(bytes); !done) return done;
  return stream.finish();
}

Result<void> send_datagram(const std::string& address, std::string_view bytes) {
  auto addresses = resolve(address, SOCK_DGRAM);
  if (!addresses) return fail(std::move(addresses).error());
  const Socket socket(::socket((*addresses)->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const ssize_t sent = socket.fd() < 0 ? -1 : ::sendto(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL, (*addresses)->ai_addr, (*addresses)->ai_addrlen);
  if (sent != static_cast<ssize_t>(bytes.size())) return fail(ErrorCode::kIo, fmt::format("{}: {}", address, std::strerror(errno)));
  return {};
}

}  // namespace trailwarden::notify
