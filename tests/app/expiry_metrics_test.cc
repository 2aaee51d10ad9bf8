#include "app/expiry_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/time.h"
#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

using ::testing::IsEmpty;

// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=test -days 36500
constexpr const char* kCertificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBdDCCARugAwIBAgIUHi5EOx2ke0jq4DKRgZSXOm5qWz0wCgYIKoZIzj0EAwIw\n"
    "DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjIxNjM0NDNaGA8yMTI2MTAyOTE2MzQ0\n"
    "M1owDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGJ9\n"
    "6xroFmvma1qY8jnz2vdPnxSbMeRHuz8JNnjl5RGECoxwUmNrzTWaoyZr7nyPBNK3\n"
    "kPrXxAfdCHD9DdweYnOjUzBRMB0GA1UdDgQWBBTEs58RRtmGeYDImPxFkdJA7Xop\n"
    "gDAfBgNVHSMEGDAWgBTEs58RRtmGeYDImPxFkdJA7XopgDAPBgNVHRMBAf8EBTAD\n"
    "AQH/MAoGCCqGSM49BAMCA0cAMEQCIBQM8YzSQUe7Tn+uOka1fRuNaFep711XXbl1\n"
    "wmlExppaAiAK1Y0Ye+KA5V5i/XtS2j2H/uCi9kf5LOUYEvk1RJynLw==\n"
    "-----END CERTIFICATE-----\n";
constexpr const char* kUntil = "2126-10-29T16:34:43Z";

std::string metrics_of(const config::KafkaSecurity& security) {
  metrics::Registry registry;
  write_kafka_certificates(security, registry);
  return registry.text();
}

TEST(ExpiryMetrics, SayWhenKafkasCertificatesExpire) {
  const testing::TempDir folder;
  const std::string file = folder.write("client.crt", kCertificate);
  metrics::Registry wanted;
  const auto until = static_cast<double>(parse_event_time(kUntil)->time_since_epoch().count());
  wanted.set("tls_certificate_expiry_timestamp_seconds", {{"kind", "kafka"}}, until);
  EXPECT_EQ(metrics_of({.certificate_file = file}), wanted.text());
  wanted.set("tls_certificate_expiry_timestamp_seconds", {{"kind", "kafka_ca"}}, until);
  EXPECT_EQ(metrics_of({.ca_file = file, .certificate_file = file}), wanted.text());
}

TEST(ExpiryMetrics, SayNothingOfWhatIsNoCertificate) {
  const testing::TempDir folder;
  EXPECT_THAT(metrics_of({}), IsEmpty());
  EXPECT_THAT(metrics_of({.ca_file = folder.path("absent"), .certificate_file = folder.write("client.crt", "hello")}), IsEmpty());
}

}  // namespace
}  // namespace trailwarden::app
