#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/result.h"
#include "http/pages.h"

namespace trailwarden::metrics {
class Registry;
}

namespace trailwarden::http {

struct Options {
  /// IP address and port: "127.0.0.1:9464", "[::1]:9464", or ":9464" for every address of this machine. Port 0 takes any free one.
  std::string listen = "127.0.0.1:9464";
  std::size_t max_connections = 64;
  std::size_t max_requests = 100;                     // of a connection, which is closed then
  std::chrono::milliseconds read_timeout{5'000};      // from a request's first byte, or the connection's begin, to the end of its header
  std::chrono::milliseconds write_timeout{10'000};    // for a whole response
  std::chrono::milliseconds idle_timeout{60'000};     // between the requests of a connection
  std::string token;                                  // see Pages; empty: everybody may read
  std::set<std::string> open_pages;                   // that need no token
  std::map<std::string, PostHandler> posts;           // by path; the token is not theirs
  std::size_t max_body_bytes = 1 << 20;               // of what is posted
  std::chrono::milliseconds body_timeout{10'000};     // from the end of a header to the end of its body
  metrics::Registry* metrics = nullptr;               // counts http_connections_refused_total; outlives the server
};

/// Shows read-only pages over HTTP/1.1 (RFC 9112): GET and HEAD, keep-alive, pipelining; and takes POST where there is somebody for it. No TLS.
///
/// Answers: the page; 401 and 404 of `Pages`; 405 to other methods; 413 to a body where none belongs, which is never read into memory, or over `max_body_bytes`; 411 to a
/// posted one that does not say its length; 431 to a header over 8 KiB; 400 to what is not HTTP/1.x; 503 to the connection after the last of `max_connections`, which is
/// then closed. 400, 411, 413 and 431 close the connection. Whoever is slower than the time limits is cut off.
///
/// Bounds: 16 KiB, one page and one posted body for each connection; one thread for all, which takes no signals. A page that is slow keeps the others waiting.
/// Out of file descriptors it waits 100 ms and goes on. Never throws.
/// Why not prometheus-cpp's exposer (civetweb): it starts threads by connections and keeps no time limit for a whole request.
class Server {
 public:
  /// Listens and begins to answer. kInvalidArgument: `listen` is no address; kIo: the system refuses it. Pages must be safe to call until the destructor
  /// has returned.
  static Result<std::unique_ptr<Server>> start(Options options, std::map<std::string, Handler> pages);

  /// Cuts all connections and waits for the page that is being made.
  ~Server();

  /// The port it listens on.
  std::uint16_t port() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace trailwarden::http
