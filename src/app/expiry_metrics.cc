#include "app/expiry_metrics.h"

#include <string>
#include <string_view>
#include <utility>

#include "aws/credential_chain.h"
#include "core/read_file.h"
#include "http/certificate.h"

namespace trailwarden::app {
namespace {

double seconds(Timestamp time) { return static_cast<double>(time.time_since_epoch().count()); }

}  // namespace

void write_kafka_certificates(const config::KafkaSecurity& security, metrics::Registry& metrics) {
  constexpr std::size_t kMost = 4 << 20;
  for (const auto& [kind, path] : {std::pair<std::string_view, const std::string&>("kafka", security.certificate_file), {"kafka_ca", security.ca_file}}) {
    if (path.empty()) continue;
    const auto pem = read_file(path, kMost);
    const auto expires = pem ? http::first_to_expire(*pem) : fail(pem.error());
    if (expires) metrics.set("tls_certificate_expiry_timestamp_seconds", {{"kind", kind}}, seconds(*expires));
  }
}

void write_credentials(metrics::Registry& metrics) {
  for (const auto& [kind, expires] : aws::credential_expiries()) metrics.set("credentials_expiry_timestamp_seconds", {{"kind", kind}}, seconds(expires));
}

}  // namespace trailwarden::app
