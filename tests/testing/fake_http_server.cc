#include "testing/fake_http_server.h"

#include <algorithm>
#include <cctype>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <sys/socket.h>

namespace trailwarden::testing {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

FakeRequest taken_apart(const beast::http::request<beast::http::string_body>& request) {
  FakeRequest out{std::string(request.method_string()), std::string(request.target()), {}, request.body()};
  for (const auto& field : request) out.headers[lower_case(std::string(field.name_string()))] = std::string(field.value());
  return out;
}

/// By hand, since some of these answers are wrong on purpose.
std::string written(const FakeAnswer& answer, bool has_body) {
  std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " x\r\n";
  for (const auto& [name, value] : answer.headers) out += name + ": " + value + "\r\n";
  if (!answer.headers.contains("Content-Length")) out += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n";
  out += "\r\n";
  if (has_body) out += answer.cut_after > 0 ? answer.body.substr(0, answer.cut_after) : answer.body;
  return out;
}

}  // namespace

class FakeHttpServer::Impl {
 public:
  explicit Impl(std::function<FakeAnswer(const FakeRequest&)> answer) : answer_(std::move(answer)) {}

  void start() {
    thread_ = std::thread([this] { accept(); });
  }

  void stop() {
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    thread_.join();
    {
      const std::lock_guard lock(mutex_);
      stops_ = true;
    }
    stopping_.notify_all();
    close_connections();
    for (std::thread& connection : connections_) connection.join();
  }

  void close_connections() {
    const std::lock_guard lock(mutex_);
    for (const int open : open_) ::shutdown(open, SHUT_RDWR);
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  std::vector<FakeRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void accept() {
    error_code error;
    while (true) {
      tcp::socket socket(io_);
      acceptor_.accept(socket, error);
      if (error) return;
      const std::lock_guard lock(mutex_);
      open_.insert(socket.native_handle());
      connections_.emplace_back([this, taken = std::move(socket)]() mutable { serve(taken); });
    }
  }

  void serve(tcp::socket& socket) {
    beast::flat_buffer buffer;
    while (serve_one(socket, buffer)) {
    }
    const std::lock_guard lock(mutex_);
    open_.erase(socket.native_handle());
    error_code ignored;
    socket.close(ignored);
  }

  bool serve_one(tcp::socket& socket, beast::flat_buffer& buffer) {
    beast::http::request_parser<beast::http::string_body> parser;
    parser.body_limit(std::uint64_t{1} << 30);
    error_code error;
    beast::http::read(socket, buffer, parser, error);
    if (error) return false;
    const FakeRequest request = taken_apart(parser.get());
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const FakeAnswer answer = answer_(request);
    if (answer.cut || is_stopped_within(answer.delay)) return false;
    asio::write(socket, asio::buffer(written(answer, request.method != "HEAD")), error);
    return !error && answer.cut_after == 0;
  }

  bool is_stopped_within(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return stopping_.wait_for(lock, time, [this] { return stops_; });
  }

  const std::function<FakeAnswer(const FakeRequest&)> answer_;
  asio::io_context io_;
  tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::thread thread_;
  mutable std::mutex mutex_;  // for all below
  std::vector<std::thread> connections_;
  std::set<int> open_;  // sockets
  std::vector<FakeRequest> requests_;
  std::condition_variable stopping_;
  bool stops_ = false;
};

FakeHttpServer::FakeHttpServer(std::function<FakeAnswer(const FakeRequest&)> answer) : impl_(std::make_unique<Impl>(std::move(answer))) {
  ::setenv("no_proxy", "127.0.0.1", 1);  // or a proxy that this machine uses would be asked for it
  impl_->start();
}
FakeHttpServer::~FakeHttpServer() { impl_->stop(); }

std::uint16_t FakeHttpServer::port() const { return impl_->port(); }
std::string FakeHttpServer::url() const { return "http://127.0.0.1:" + std::to_string(port()); }
std::vector<FakeRequest> FakeHttpServer::requests() const { return impl_->requests(); }
void FakeHttpServer::close_connections() { impl_->close_connections(); }

}  // namespace trailwarden::testing
