#include "http/server.h"

#include <array>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/log.h"
#include "core/text.h"
#include "core/thread.h"
#include "http/connection.h"
#include "metrics/registry.h"

namespace trailwarden::http {
namespace {

constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nServer: trailwarden\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";

/// "[::1]:9464" as host and port; nothing if it is none.
std::optional<tcp::endpoint> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const auto port = parse_decimal<std::uint16_t>(text.substr(colon + 1));
  if (!port) return std::nullopt;
  if (host.empty()) return tcp::endpoint(tcp::v6(), *port);

  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  error_code bad;
  const auto address = asio::ip::make_address(std::string(host), bad);
  if (bad || address.is_v6() != bracketed) return std::nullopt;
  return tcp::endpoint(address, *port);
}

std::string_view advice_on(error_code error) {
  if (error == asio::error::address_in_use) return "; stop what listens there, or choose another port (0 takes any free one)";
  if (error == asio::error::access_denied) return "; ports below 1024 need CAP_NET_BIND_SERVICE, choose a higher one";
  if (error == boost::system::errc::address_not_available) return "; choose an address of this machine, or leave it out for all of them";
  return "";
}

}  // namespace

class Server::Impl {
 public:
  Impl(Options options, Pages pages) : shared_(std::move(options), std::move(pages)) {
    // There from the start, so that its first increase shows.
    if (shared_.options.metrics) refused_ = shared_.options.metrics->counter("http_connections_refused_total", {});
  }
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> listen();
  std::uint16_t port() const { return port_; }

 private:
  error_code open(const tcp::endpoint& endpoint);
  void run();
  void accept();
  void on_accept(error_code error, tcp::socket socket);
  void refuse(tcp::socket socket);
  void pause(error_code error);

  Shared shared_;
  std::optional<metrics::Counter> refused_;
  asio::io_context io_{1};  // its end ends the connections, which use shared_
  tcp::acceptor acceptor_{io_};
  asio::steady_timer timer_{io_};
  std::uint16_t port_ = 0;
  bool accepting_badly_ = false;  // and the log knows
  std::thread thread_;
};

Server::Impl::~Impl() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

Result<void> Server::Impl::listen() {
  const std::string& text = shared_.options.listen;
  const auto endpoint = parse_address(text);
  if (!endpoint)
    return fail(ErrorCode::kInvalidArgument, "listen on \"" + printable(text) + "\": not an IP address and a port, as in 127.0.0.1:9464, [::1]:9464 or :9464");
  error_code error = open(*endpoint);
  const bool any_address = text.front() == ':';
  if (any_address && error == asio::error::address_family_not_supported) error = open(tcp::endpoint(tcp::v4(), endpoint->port()));
  if (error) return fail(ErrorCode::kIo, "listen on " + text + ": " + error.message() + std::string(advice_on(error)));

  auto thread = start_thread("http", [this] { run(); });
  if (!thread) return fail(std::move(thread).error());
  thread_ = std::move(*thread);
  return {};
}

error_code Server::Impl::open(const tcp::endpoint& endpoint) {
  error_code error, ignored;
  acceptor_.close(ignored);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && endpoint.address().is_v6()) acceptor_.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(tcp::acceptor::max_listen_connections, error);
  if (!error) port_ = acceptor_.local_endpoint(error).port();
  return error;
}

void Server::Impl::run() {
  accept();
  while (!io_.stopped()) {
    try {
      io_.run();
    } catch (const std::exception& e) {  // out of memory: it cost one connection its next step
      log::error("http.failed", {{"error", std::string_view(e.what())}});
    }
  }
}

void Server::Impl::accept() {
  acceptor_.async_accept(io_, [this](error_code error, tcp::socket socket) { on_accept(error, std::move(socket)); });
}

void Server::Impl::on_accept(error_code error, tcp::socket socket) {
  if (error) return pause(error);
  accepting_badly_ = false;
  accept();
  if (shared_.open >= shared_.options.max_connections) return refuse(std::move(socket));
  std::make_shared<Connection>(shared_, std::move(socket))->start();
}

void Server::Impl::refuse(tcp::socket socket) {
  if (refused_) refused_->add();
  // A new socket takes these few bytes at once; what it brought is read so that closing does not destroy them. Neither waits.
  error_code ignored;
  std::array<char, 1024> discarded;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(kFull), ignored);
  socket.shutdown(tcp::socket::shutdown_send, ignored);
  socket.read_some(asio::buffer(discarded), ignored);
}

void Server::Impl::pause(error_code error) {
  if (!accepting_badly_) log::error("http.accept_failed", {{"error", error.message()}});
  accepting_badly_ = true;
  timer_.expires_after(kAcceptPause);
  timer_.async_wait([this](error_code) { accept(); });
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

std::uint16_t Server::port() const { return impl_->port(); }

Result<std::unique_ptr<Server>> Server::start(Options options, std::map<std::string, Handler> pages) {
  try {
    Pages shown(std::move(pages), options.token, options.open_pages);
    auto impl = std::make_unique<Impl>(std::move(options), std::move(shown));
    if (auto listening = impl->listen(); !listening) return fail(std::move(listening).error());
    return std::unique_ptr<Server>(new Server(std::move(impl)));
  } catch (const std::exception& e) {  // an io_context takes file descriptors
    return fail(ErrorCode::kIo, std::string("start the HTTP server: ") + e.what());
  }
}

}  // namespace trailwarden::http
