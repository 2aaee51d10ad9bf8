#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "aws/signature.h"

namespace trailwarden::aws {

struct HttpRequest {
  std::string method = "GET";
  std::string url;        // http or https, encoded
  Headers headers;
  std::string_view body;  // outlives the request
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{60'000};  // for all of it
  std::chrono::seconds stall{0};              // so long with less than 100 bytes a second ends it: a time-out as well; 0: it does not
  std::size_t most_bytes = 64 << 20;          // of the answer's body
  bool keep_first = false;                    // of a longer body: its first `most_bytes`, and no failure
  std::string ca_file;                         // with the authorities that count, instead of the usual ones; empty: the usual ones
  std::string certificate_file, key_file;      // PEM, of the client; empty: none
  bool direct = false;                        // past the proxies of the environment: addresses that mean this machine
  bool once = false;                          // its body is sent one time at most; else it goes again over a new connection where a kept one ends without a word
  const std::atomic<bool>* cancelled = nullptr;  // once true, the request is given up within about a second; outlives the request
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string, std::less<>> headers;  // names in lower case; of one that comes twice the last
  std::string body;
};

/// No answer came, or none that can be used. The request may still have been carried out.
struct HttpFailure {
  std::string code;     // Timeout, NameNotResolved, NotConnected, NotTrusted, TooLarge, Cancelled, NoAnswer
  std::string message;  // for people, with the host
};

/// Sends HTTP/1.1 requests through libcurl. Connections are kept and used again; one that the server closed meanwhile is replaced without a word. Redirects
/// are answers like any other: to follow one would send a signed request to whoever is named there. Certificates are checked against the system's
/// authorities or AWS_CA_BUNDLE; the proxies of http_proxy, https_proxy and no_proxy are used.
///
/// Thread-safe: each request has a handle of its own, of which at most eight are kept. Blocks.
class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  tl::expected<HttpResponse, HttpFailure> send(const HttpRequest& request);

 private:
  class Pool;
  std::unique_ptr<Pool> pool_;
};

}  // namespace trailwarden::aws
