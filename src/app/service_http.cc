#include "app/service_http.h"

#include <utility>

#include "config/service_config.h"
#include "core/log.h"

namespace trailwarden::app {
namespace {

http::Options limited(const config::HttpLimits& limits, metrics::Registry& metrics) {
  return {.max_connections = static_cast<std::size_t>(limits.connections),
          .max_connections_per_address = static_cast<std::size_t>(limits.connections_per_address),
          .requests_per_second = limits.requests_per_second,
          .max_header_bytes = limits.max_header_bytes,
          .read_timeout = limits.read_timeout,
          .write_timeout = limits.write_timeout,
          .idle_timeout = limits.idle_timeout,
          .max_body_bytes = limits.max_body_bytes,
          .body_timeout = limits.body_timeout,
          .metrics = &metrics};
}

Result<std::string> read_token(const config::SecretSource& source) {
  auto token = config::read_secret(source);
  if (!token) return fail(std::move(token).error().during("http token"));
  return token;
}

}  // namespace

http::Options page_options(const Setup& setup, metrics::Registry& metrics) {
  const config::HttpConfig& http = setup.config.service.http;
  http::Options options = limited(http.limits, metrics);
  options.listen = http.listen;
  options.open_pages = {"/metrics", "/healthz", "/readyz"};
  if (!http.token.empty()) options.token = [&source = http.token] { return read_token(source); };
  if (!http.tls.certificate_file.empty()) options.tls = {.certificate = http.tls.certificate_file, .key = http.tls.key_file, .client_ca = http.tls.client_ca_file};
  options.without_proof = config::is_loopback(http.listen) ? http::Proof::Without::kByAddress : http::Proof::Without::kNobody;
  return options;
}

http::Options open_page_options(const Setup& setup, metrics::Registry& metrics) {
  const config::HttpConfig& http = setup.config.service.http;
  http::Options options = limited(http.limits, metrics);
  options.listen = http.metrics_listen;
  return options;
}

void warn_of_http(const Setup& setup) {
  const config::HttpConfig& http = setup.config.service.http;
  const bool is_plain = http.tls.certificate_file.empty() && !http.listen.empty() && !config::is_loopback(http.listen);
  if (is_plain && !http.token.empty()) log::warn("http.not_encrypted", {{"why", "other machines reach http.listen, and whoever listens on the way reads the token"}, {"what_now", "set http.tls, or listen on 127.0.0.1"}});
  if (is_plain && !setup.config.service.api.keys.empty()) log::warn("http.not_encrypted", {{"why", "other machines reach http.listen, and whoever listens on the way reads what CloudTrail's API answers"}, {"what_now", "set http.tls, or listen on 127.0.0.1"}});
}

}  // namespace trailwarden::app
