#pragma once

#include <string>

#include "app/setup.h"
#include "core/result.h"
#include "stream/kafka_options.h"

namespace trailwarden::app {

/// The configuration's cluster, with secrets read; `config` has `kafka:`. kInvalidArgument or kNotFound with the key to look at.
Result<stream::KafkaConnection> kafka_connection(const config::Config& config);

/// One worker's membership. `from`: "", "earliest", "latest" or a time.
Result<stream::KafkaLogOptions> kafka_log_options(const config::Config& config, std::size_t worker, const std::string& from);

/// The archiver's membership in its own group. `with_alerts`: it reads the alerts too, behind the inputs.
Result<stream::KafkaLogOptions> kafka_archive_options(const config::Config& config, const std::string& from, bool with_alerts);

/// The digest writer's membership in its own group: of the manifest, from its beginning.
Result<stream::KafkaLogOptions> kafka_digest_options(const config::Config& config);

/// The notifier's membership in its own group: of the alerts. `start`: where it begins that was never committed.
Result<stream::KafkaLogOptions> kafka_notifier_options(const config::Config& config, const std::string& start);

/// Every topic that the service writes to, by the names that the code has for them (`stream::topic_name`); it has `kafka`.
std::vector<std::string_view> output_topics(const config::ServiceConfig& service);

}  // namespace trailwarden::app
