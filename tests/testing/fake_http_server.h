#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace trailwarden::testing {

struct FakeRequest {
  std::string method, target;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct FakeAnswer {
  int status = 200;
  std::string body{};
  std::map<std::string, std::string> headers{};
  std::chrono::milliseconds delay{0};  // or until the server is gone
  bool cut = false;           // the connection is closed and nothing said
  std::size_t cut_after = 0;  // bytes of the body after which it is closed; 0: it is not
};

/// An HTTP/1.1 server on a free port of 127.0.0.1 that answers as it is told. Each connection has a thread, and stays open. The answers are made by any of them.
class FakeHttpServer {
 public:
  explicit FakeHttpServer(std::function<FakeAnswer(const FakeRequest&)> answer);
  /// Cuts all connections.
  ~FakeHttpServer();

  std::uint16_t port() const;
  /// `http://127.0.0.1:PORT`
  std::string url() const;
  /// What was asked so far.
  std::vector<FakeRequest> requests() const;
  /// Ends every connection, as a server does with those that lie idle.
  void close_connections();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trailwarden::testing
