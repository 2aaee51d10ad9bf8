#pragma once

#include "config/service_config.h"
#include "metrics/registry.h"

namespace trailwarden::app {

/// Sets tls_certificate_expiry_timestamp_seconds of the certificates that are shown to brokers and that brokers are known by. As the files are now, which is as clients have read them:
/// at the start. Nothing of a file that cannot be read or is none; whoever uses it says so.
void write_kafka_certificates(const config::KafkaSecurity& security, metrics::Registry& metrics);

/// Sets credentials_expiry_timestamp_seconds of this process's AWS credentials.
void write_credentials(metrics::Registry& metrics);

}  // namespace trailwarden::app
