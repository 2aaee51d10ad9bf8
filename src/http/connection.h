#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include "http/pages.h"
#include "http/server.h"

/// What is inside of a `Server`: for its .cc and this one's.
namespace trailwarden::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;

inline constexpr std::size_t kHeaderBytes = 8 << 10;
inline constexpr std::size_t kBufferBytes = 2 * kHeaderBytes;  // a header, and what was sent after it

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

}  // namespace trailwarden::http
