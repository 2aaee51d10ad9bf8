#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/result.h"
#include "http/pages.h"
#include "http/tls.h"

namespace trailwarden::metrics {
class Registry;
}

namespace trailwarden::http {

struct Options {
  /// IP address and port: "127.0.0.1:9464", "[::1]:9464", or ":9464" for every address of this machine. Port 0 takes any free one.
  std::string listen = "127.0.0.1:9464";
  std::size_t max_connections = 64;
  std::size_t max_connections_per_address = 0;        // 0: as many as there may be
  std::size_t max_requests = 100;                     // of a connection, which is closed then
  double requests_per_second = 0;                     // of an address, see RateLimit; 0: any. A TLS handshake counts as one
  std::size_t max_header_bytes = 8 << 10;             // of a request, its first line included
  std::chrono::milliseconds read_timeout{5'000};      // for a TLS handshake; and from a request's first byte, or the connection's begin, to the end of its header
  std::chrono::milliseconds write_timeout{10'000};    // for a whole response
  std::chrono::milliseconds idle_timeout{60'000};     // between the requests of a connection
  std::function<Result<std::string>()> token;         // see Proof; empty: there is none. Asked again and again, and never empty text; an error leaves the last one
  Proof::Without without_proof = Proof::Without::kEverybody;
  std::optional<TlsFiles> tls;                        // nullopt: plain. With a client_ca, its certificates are a proof
  std::chrono::milliseconds look_every{5'000};        // at the token and the files
  std::set<std::string> open_pages;                   // that need no proof
  std::map<std::string, PostHandler> posts;           // by path; the proofs are not theirs
  std::size_t max_body_bytes = 1 << 20;               // of what is posted
  std::chrono::milliseconds body_timeout{10'000};     // from the end of a header to the end of its body
  metrics::Registry* metrics = nullptr;               // counts http_connections_refused_total, http_responses_total; tls_certificate_expiry_timestamp_seconds. Outlives the server
};

/// Shows read-only pages over HTTP/1.1 (RFC 9112), plain or with TLS: GET and HEAD, keep-alive, pipelining; and takes POST where there is somebody for it.
///
/// Answers: the page; 401, 403 and 404 of `Pages`; 405 to other methods; 408 to whoever has begun a request and does not end it in time; 411 to a posted body that does not say its
/// length; 413 to a body where none belongs, which is never read into memory, or over `max_body_bytes`; 414 to a first line and 431 to a header over `max_header_bytes`; 429 to
/// an address with too many requests; 400 to what is not HTTP/1.x, and in plain text to what is not TLS where TLS is spoken; 503 to the connection after the last of `max_connections`.
/// All of these but 401, 403, 404 and 405 close the connection, and so does whoever is slower than the time limits otherwise.
///
/// The token and the files of TLS are read again every `look_every`: what was changed and is good holds from the next request (a token) or connection (a certificate); what is not good is
/// in the log, and the last good one stays.
///
/// Bounds: two headers, one page and one posted body for each connection, and with TLS 100 KiB; one thread for all, which takes no signals. A page that is slow keeps the others waiting.
/// Out of file descriptors it waits 100 ms and goes on. Never throws.
/// Why not prometheus-cpp's exposer (civetweb): it starts threads by connections and keeps no time limit for a whole request.
class Server {
 public:
  /// Listens and begins to answer. kInvalidArgument: `listen` is no address; kIo: the system refuses it; or what is wrong with the token and the files of TLS. Pages must be safe to call until the destructor
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
