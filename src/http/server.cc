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
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include "core/log.h"
#include "core/text.h"
#include "core/thread.h"
#include "metrics/registry.h"

namespace trailwarden::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kHeaderBytes = 8 << 10;
constexpr std::size_t kBufferBytes = 2 * kHeaderBytes;  // a header, and what was sent after it
constexpr std::size_t kLingerBytes = 256 << 10;
constexpr std::chrono::seconds kLingerTime{1};
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nServer: trailwarden\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

/// What a read that failed is answered with; nothing if there is nobody to answer.
std::optional<Response> refusal_of(error_code error) {
  using Http = beast::http::error;
  if (error == Http::body_limit) return Response{.status = 413, .body = "the body is longer than what is taken here\n"};
  if (error == Http::header_limit || error == Http::buffer_overflow) return Response{.status = 431, .body = "the header is longer than 8 KiB\n"};
  if (error == Http::end_of_stream || error == Http::partial_message) return std::nullopt;
  if (error.category() == make_error_code(Http::bad_method).category()) return Response{.status = 400, .body = "this is not HTTP/1.1\n"};
  return std::nullopt;
}

/// What all connections share. Used by one thread.
struct Shared {
  Shared(Options given, Pages shown) : options(std::move(given)), pages(std::move(shown)) {}

  const Options options;
  const Pages pages;
  std::size_t open = 0;  // connections
};

/// A connection: waits for a request, reads its header, answers, and so on; at the end it lingers, since closing a socket with unread bytes in
/// it would destroy the answer on its way. Each step's handler keeps the connection alive; when none is left, it closes.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Shared& shared, tcp::socket socket) : shared_(shared), stream_(std::move(socket)) { ++shared_.open; }
  ~Connection() { --shared_.open; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start() { wait_for_request(shared_.options.read_timeout); }

 private:
  using Request = beast::http::request_parser<beast::http::string_body>;
  /// An answer on its way.
  struct Reply {
    beast::http::response<beast::http::string_body> message;
    beast::http::response_serializer<beast::http::string_body> serializer{message};
  };

  template <class Step>
  auto then(Step step) {
    return [self = shared_from_this(), step](error_code error, std::size_t bytes) { (self.get()->*step)(error, bytes); };
  }

  void wait_for_request(std::chrono::milliseconds limit);
  void on_first_bytes(error_code error, std::size_t bytes);
  void read_request();
  void on_request(error_code error, std::size_t bytes);
  void read_body(error_code error, std::size_t bytes);
  void on_body(error_code error, std::size_t bytes);
  std::optional<Response> refusal() const;
  const PostHandler* poster() const;
  Response answer() const;
  Response answer_post(const PostHandler& post);
  bool may_go_on() const { return request_->get().keep_alive() && requests_ < shared_.options.max_requests; }
  void send(Response response, bool keep_alive);
  void on_sent(error_code error, std::size_t bytes);
  void linger();
  void on_lingered(error_code error, std::size_t bytes);

  Shared& shared_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{kBufferBytes};
  std::unique_ptr<Request> request_;
  std::unique_ptr<Reply> reply_;
  std::array<char, 4096> discarded_;
  std::size_t lingered_ = 0;  // bytes
  std::size_t requests_ = 0;  // read or begun
};

void Connection::wait_for_request(std::chrono::milliseconds limit) {
  if (buffer_.size() > 0) return read_request();
  stream_.expires_after(limit);
  stream_.async_read_some(buffer_.prepare(kHeaderBytes), then(&Connection::on_first_bytes));
}

void Connection::on_first_bytes(error_code error, std::size_t bytes) {
  if (error) return;
  buffer_.commit(bytes);
  read_request();
}

void Connection::read_request() {
  ++requests_;
  request_ = std::make_unique<Request>();
  request_->header_limit(kHeaderBytes);
  request_->body_limit(shared_.options.posts.empty() ? 0 : shared_.options.max_body_bytes);
  stream_.expires_after(shared_.options.read_timeout);
  beast::http::async_read_header(stream_, buffer_, *request_, then(&Connection::on_request));
}

void Connection::on_request(error_code error, std::size_t) {
  if (error) {
    if (auto refusal = refusal_of(error)) send(std::move(*refusal), false);
    return;
  }
  if (auto refused = refusal()) {
    const bool is_understood = refused->status == 405;
    return send(std::move(*refused), is_understood && may_go_on());
  }
  if (poster() == nullptr) return send(answer(), may_go_on());
  stream_.expires_after(shared_.options.body_timeout);
  const bool waits = beast::iequals(request_->get()[beast::http::field::expect], "100-continue");  // for leave to send its body
  if (!waits) return read_body({}, 0);
  asio::async_write(stream_, asio::buffer(kContinue), then(&Connection::read_body));
}

void Connection::read_body(error_code error, std::size_t) {
  if (!error) beast::http::async_read(stream_, buffer_, *request_, then(&Connection::on_body));
}

void Connection::on_body(error_code error, std::size_t) {
  if (!error) return send(answer_post(*poster()), may_go_on());
  if (auto refusal = refusal_of(error)) send(std::move(*refusal), false);
}

/// What is wrong with a request as a message; nothing if it may be answered.
std::optional<Response> Connection::refusal() const {
  using beast::http::field;
  const auto& request = request_->get();
  const bool is_posted = poster() != nullptr;
  if (request.count(field::transfer_encoding) > 0)
    return is_posted ? Response{.status = 411, .body = "say how long the body is: Content-Length\n"} : Response{.status = 413, .body = "requests have no body here\n"};
  if (!is_posted && request_->content_length().value_or(0) > 0) return Response{.status = 413, .body = "requests have no body here\n"};
  if (request.version() >= 11 && request.count(field::host) != 1) return Response{.status = 400, .body = "a request names one host\n"};
  if (!is_posted && request.method() != beast::http::verb::get && request.method() != beast::http::verb::head)
    return Response{.status = 405, .body = "these pages can only be read\n"};
  return std::nullopt;
}

/// Who takes this request; null if it is none that is posted to somebody.
const PostHandler* Connection::poster() const {
  const auto& request = request_->get();
  if (request.method() != beast::http::verb::post) return nullptr;
  const std::string_view target = view(request.target());
  const auto found = shared_.options.posts.find(std::string(target.substr(0, target.find('?'))));
  return found == shared_.options.posts.end() ? nullptr : &found->second;
}

Response Connection::answer() const {
  const auto& request = request_->get();
  return shared_.pages.answer(view(request.target()), view(request[beast::http::field::authorization]));
}

Response Connection::answer_post(const PostHandler& post) {
  auto& request = request_->get();
  PostedRequest posted{std::string(view(request.target())), {}, std::move(request.body())};
  for (const auto& field : request) posted.headers.emplace_back(view(field.name_string()), view(field.value()));
  return answer_of(posted.target, [&] { return post(posted); });
}

void Connection::send(Response response, bool keep_alive) {
  using beast::http::field;
  reply_ = std::make_unique<Reply>();
  auto& message = reply_->message;
  message.version(request_->get().version());
  message.result(response.status);
  message.set(field::server, "trailwarden");
  message.set(field::content_type, response.content_type);
  message.set(field::cache_control, "no-store");
  message.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) message.set(name, value);
  if (response.status == 401) message.set(field::www_authenticate, "Bearer");
  if (response.status == 405) message.set(field::allow, "GET, HEAD");
  message.body() = std::move(response.body);
  message.keep_alive(keep_alive);
  message.prepare_payload();
  stream_.expires_after(shared_.options.write_timeout);
  const bool is_head = request_->get().method() == beast::http::verb::head;
  if (is_head) beast::http::async_write_header(stream_, reply_->serializer, then(&Connection::on_sent));
  else beast::http::async_write(stream_, reply_->serializer, then(&Connection::on_sent));
}

void Connection::on_sent(error_code error, std::size_t) {
  if (error) return;
  const bool keep_alive = reply_->message.keep_alive();
  reply_.reset();  // a connection that rests holds no page
  if (keep_alive) return wait_for_request(shared_.options.idle_timeout);
  stream_.socket().shutdown(tcp::socket::shutdown_send, error);
  stream_.expires_after(kLingerTime);
  linger();
}

void Connection::linger() { stream_.async_read_some(asio::buffer(discarded_), then(&Connection::on_lingered)); }

void Connection::on_lingered(error_code error, std::size_t bytes) {
  lingered_ += bytes;
  if (!error && lingered_ < kLingerBytes) linger();
}

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
