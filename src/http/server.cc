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

/// What listens, what it listens with, and the thread that all of it happens on.
class Server::Impl {
 public:
  Impl(Options options, Pages pages) : shared_(std::move(options), std::move(pages)) {
    metrics::Registry* const metrics = shared_.options.metrics;
    if (metrics == nullptr) return;
    // There from the start, so that their first increase shows.
    refused_ = metrics->counter("http_connections_refused_total", {});
    for (const int code : {200, 400, 401, 403, 404, 405, 408, 411, 413, 414, 429, 431, 500, 503}) metrics->counter("http_responses_total", {{"code", std::to_string(code)}});
  }
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> listen();
  std::uint16_t port() const { return port_; }

 private:
  Result<void> take_token();
  Result<void> take_tls();
  void look();
  void tell(const char* what, const Result<void>& taken, std::string& told);
  error_code open(const tcp::endpoint& endpoint);
  void run();
  void accept();
  void on_accept(error_code error, tcp::socket socket);
  bool has_room_for(const AddressKey& address);
  void refuse(tcp::socket socket);
  void pause(error_code error);

  Shared shared_;
  std::string token_;    // that `shared_` has
  TlsBytes tls_;         // likewise
  std::string told_of_token_, told_of_tls_;  // what the log knows is wrong with what stands there now
  std::optional<metrics::Counter> refused_;
  asio::io_context io_{1};  // its end ends the connections, which use shared_
  tcp::acceptor acceptor_{io_};
  asio::steady_timer timer_{io_};
  asio::steady_timer look_timer_{io_};
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
    return fail(ErrorCode::kInvalidArgument, "listen on " + (text.find('@') == std::string::npos ? "\"" + printable(text) + "\"" : "what has a user") + ": not an IP address and a port, as in 127.0.0.1:9464, [::1]:9464 or :9464");
  if (auto taken = take_token(); !taken) return taken;
  if (auto taken = take_tls(); !taken) return taken;
  error_code error = open(*endpoint);
  const bool any_address = text.front() == ':';
  if (any_address && error == asio::error::address_family_not_supported) error = open(tcp::endpoint(tcp::v4(), endpoint->port()));
  if (error) return fail(ErrorCode::kIo, "listen on " + text + ": " + error.message() + std::string(advice_on(error)));

  auto thread = start_thread("http", [this] { run(); });
  if (!thread) return fail(std::move(thread).error());
  thread_ = std::move(*thread);
  return {};
}

Result<void> Server::Impl::take_token() {
  if (!shared_.options.token) return {};
  auto token = shared_.options.token();
  if (!token) return fail(std::move(token).error());
  if (*token == token_) return {};
  shared_.pages.set_token(*token);
  token_ = std::move(*token);
  return {};
}

Result<void> Server::Impl::take_tls() {
  const auto& files = shared_.options.tls;
  if (!files) return {};
  auto bytes = read(*files);
  if (!bytes) return fail(std::move(bytes).error());
  if (*bytes == tls_) return {};
  auto made = make_tls(*bytes, *files);
  if (!made) return fail(std::move(made).error());
  shared_.tls = std::move(made->context);
  tls_ = std::move(*bytes);
  metrics::Registry* const metrics = shared_.options.metrics;
  if (metrics == nullptr) return {};
  const auto set = [metrics](std::string_view kind, Timestamp expires) { metrics->set("tls_certificate_expiry_timestamp_seconds", {{"kind", kind}}, static_cast<double>(expires.time_since_epoch().count())); };
  set("http", made->expires);
  if (made->client_expires) set("http_client_ca", *made->client_expires);
  return {};
}

/// At what may have been replaced meanwhile.
void Server::Impl::look() {
  if (!shared_.options.token && !shared_.options.tls) return;
  look_timer_.expires_after(shared_.options.look_every);
  look_timer_.async_wait([this](error_code error) {
    if (error) return;
    tell("http.token_refused", take_token(), told_of_token_);
    tell("http.tls_refused", take_tls(), told_of_tls_);
    look();
  });
}

/// Says once what is wrong, if it is so at two looks: somebody may be in the middle of replacing several files.
void Server::Impl::tell(const char* what, const Result<void>& taken, std::string& told) {
  const std::string wrong = taken ? "" : taken.error().message;
  const std::string said = "said: " + wrong;
  if (wrong.empty()) told.clear();
  else if (told == wrong) log::error(what, {{"why", wrong}, {"what_now", "the last one that was good stays in use"}}), told = said;
  else if (told != said) told = wrong;
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
  look();
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
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;  // it is gone
  const AddressKey address = key_of(peer.address());
  if (!has_room_for(address)) return refuse(std::move(socket));
  std::make_shared<Connection>(shared_, std::move(socket), address)->start();
}

bool Server::Impl::has_room_for(const AddressKey& address) {
  const Options& options = shared_.options;
  if (shared_.open >= options.max_connections) return false;
  const auto own = shared_.open_of.find(address);
  if (options.max_connections_per_address > 0 && own != shared_.open_of.end() && own->second >= options.max_connections_per_address) return false;
  return !shared_.tls || shared_.rate.take(address, RateLimit::Clock::now());
}

void Server::Impl::refuse(tcp::socket socket) {
  if (refused_) refused_->add();
  if (shared_.tls) return;  // there is nothing that it would understand
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
    const Proof proof{.token = {}, .certificate = options.tls && !options.tls->client_ca.empty(), .without = options.without_proof};
    Pages shown(std::move(pages), proof, options.open_pages);
    auto impl = std::make_unique<Impl>(std::move(options), std::move(shown));
    if (auto listening = impl->listen(); !listening) return fail(std::move(listening).error());
    return std::unique_ptr<Server>(new Server(std::move(impl)));
  } catch (const std::exception& e) {  // an io_context takes file descriptors
    return fail(ErrorCode::kIo, std::string("start the HTTP server: ") + e.what());
  }
}

}  // namespace trailwarden::http
