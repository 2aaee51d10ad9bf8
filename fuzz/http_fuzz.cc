#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "http/client.h"
#include "http/server.h"

namespace {

using namespace trailwarden;

std::unique_ptr<http::Server> start_server() {
  http::Options options;
  options.listen = "127.0.0.1:0";
  options.token = [] { return Result<std::string>("s3cret"); };
  options.open_pages = {"/open"};
  options.posts = {{"/post", [](const http::PostedRequest& request) { return http::Response{.body = "this was posted: " + request.body}; }}};
  auto server = http::Server::start(std::move(options), {{"/open", [] { return http::Response{.body = "this is open"}; }},
                                                         {"/closed", [] { return http::Response{.body = "this is closed"}; }}});
  TRAILWARDEN_CHECK(server.has_value(), "a free port can be listened on");
  return std::move(*server);
}

}  // namespace

// Any bytes as a connection: answers or nothing come back, and a page only for its own path and to whom it is for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::unique_ptr<http::Server> server = start_server();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // Thousands of connections a second use up the ports of this machine now and then; those that rest come back.
  testing::Client client;
  for (int tries = 0; !client.connect(server->port()); ++tries) {
    TRAILWARDEN_CHECK(tries < 1'000, "the server listens");
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  client.send(bytes);
  client.finish();
  const std::string answers = client.rest();
  const auto shown = [&answers](std::string_view body) { return answers.find(body) != std::string::npos; };
  const auto asked = [bytes](std::string_view path) {
    const std::string request = "GET " + std::string(path);
    return bytes.find(request + " ") != std::string_view::npos || bytes.find(request + "?") != std::string_view::npos;
  };
  if (!answers.empty() && !answers.starts_with("HTTP/1.")) std::abort();
  if (shown("this is open") && !asked("/open")) std::abort();
  if (shown("this is closed") && !(asked("/closed") && bytes.find("s3cret") != std::string_view::npos)) std::abort();
  if (shown("this was posted") && bytes.find("POST /post") == std::string_view::npos) std::abort();
  return 0;
}
