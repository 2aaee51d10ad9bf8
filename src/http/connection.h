#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "http/pages.h"
#include "http/rate_limit.h"
#include "http/server.h"
#include "http/wire.h"

/// What is inside of a `Server`: for its .cc and this one's.
namespace trailwarden::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;

/// What all connections share. Used by one thread.
struct Shared {
  Shared(Options given, Pages shown) : options(std::move(given)), pages(std::move(shown)), rate(options.requests_per_second) {}

  const Options options;
  Pages pages;
  std::shared_ptr<asio::ssl::context> tls;   // null: plain; of connections from now on
  RateLimit rate;
  std::map<AddressKey, std::size_t> open_of;  // connections, by address
  std::size_t open = 0;                       // connections
};

/// Whose requests and connections are counted together with those of `address`.
AddressKey key_of(const asio::ip::address& address);

/// A connection: waits for a request, reads its header, answers, and so on; at the end it lingers, since closing a socket with unread bytes in
/// it would destroy the answer on its way. Each step's handler keeps the connection alive; when none is left, it closes.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Shared& shared, tcp::socket socket, const AddressKey& address);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();

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

  void limit(std::chrono::milliseconds time);
  void await_limit(std::uint64_t step);
  void on_handshake(error_code error);
  void wait_for_request(std::chrono::milliseconds time);
  void on_first_bytes(error_code error, std::size_t bytes);
  void read_request();
  void on_request(error_code error, std::size_t bytes);
  void read_body(error_code error, std::size_t bytes);
  void on_body(error_code error, std::size_t bytes);
  std::optional<Response> refusal_of(error_code error) const;
  std::optional<Response> refusal() const;
  const PostHandler* poster() const;
  Response answer();
  Response answer_post(const PostHandler& post);
  bool may_go_on() const;
  void send(Response response, bool keep_alive);
  void on_sent(error_code error, std::size_t bytes);
  void begin_to_linger();
  void linger();
  void on_lingered(error_code error, std::size_t bytes);

  Shared& shared_;
  const AddressKey address_;
  const std::shared_ptr<asio::ssl::context> tls_;  // its own, whatever the others' is by now
  Wire wire_;
  asio::steady_timer timer_;
  std::uint64_t step_ = 0;  // which `timer_` is for
  bool late_ = false;       // the step under way has taken too long
  beast::flat_buffer buffer_;
  std::unique_ptr<Request> request_;
  std::unique_ptr<Reply> reply_;
  std::array<char, 4096> discarded_;
  std::size_t lingered_ = 0;  // bytes
  std::size_t requests_ = 0;  // read or begun
};

}  // namespace trailwarden::http
