#include "app/health.h"

#include <chrono>

#include <fmt/format.h>

#include "app/setup.h"
#include "aws/http_client.h"
#include "config/config.h"

namespace trailwarden::app {
namespace {

/// Where a config file has pages that may be asked without TLS: `http.metrics_listen`, else `http.listen`. Rules are not compiled for it, as that would make every check cost a start.
Result<std::string> listen_address(const std::string& file) {
  if (file.empty()) return config::default_config().service.http.listen;
  auto config = config::load_config(file);
  if (!config) return fail(ErrorCode::kInvalidArgument, config.error().message);
  const config::HttpConfig& http = config->service.http;
  if (!http.metrics_listen.empty()) return http.metrics_listen;
  const std::string listen = http.listen;
  if (!listen.empty() && !http.tls.certificate_file.empty())
    return fail(ErrorCode::kInvalidArgument, file + ": http.listen speaks TLS, with a certificate that need not be of this machine's names: give `health` an http.metrics_listen to ask");
  if (listen.empty()) return fail(ErrorCode::kInvalidArgument, file + ": http.listen is empty, so the service has no pages to ask");
  return listen;
}

}  // namespace

std::string local_origin(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  const std::string host = listen.substr(0, colon), port = colon == std::string::npos ? "" : listen.substr(colon);
  if (host.empty() || host == "0.0.0.0") return "http://127.0.0.1" + port;
  if (host == "[::]") return "http://[::1]" + port;
  return "http://" + host + port;
}

int health(const HealthArguments& arguments) {
  const auto listen = listen_address(arguments.config);
  if (!listen) return complain(listen.error(), kWrongUsage);
  const std::string url = local_origin(*listen) + (arguments.live ? "/healthz" : "/readyz");
  aws::HttpClient client;
  const auto answer = client.send({.url = url, .connect_timeout = std::chrono::seconds{5}, .timeout = std::chrono::seconds{5}, .direct = true});
  if (!answer) {
    fmt::print(stderr, "{}: {}\n", url, answer.error().message);
    return kFailed;
  }
  fmt::print("{}{}", answer->body, answer->body.ends_with('\n') ? "" : "\n");
  if (answer->status == 200) return kFine;
  fmt::print(stderr, "{}: status {}\n", url, answer->status);
  return kFailed;
}

}  // namespace trailwarden::app
