#include "stream/kafka_settings.h"

#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <unistd.h>

namespace trailwarden::stream::kafka {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view name_of(KafkaSecurity::Protocol protocol) {
  switch (protocol) {
    case KafkaSecurity::Protocol::kPlaintext: return "plaintext";
    case KafkaSecurity::Protocol::kSsl: return "ssl";
    case KafkaSecurity::Protocol::kSaslPlaintext: return "sasl_plaintext";
    case KafkaSecurity::Protocol::kSaslSsl: return "sasl_ssl";
  }
  return "";
}

constexpr std::string_view name_of(KafkaSecurity::Mechanism mechanism) {
  switch (mechanism) {
    case KafkaSecurity::Mechanism::kPlain: return "PLAIN";
    case KafkaSecurity::Mechanism::kScramSha256: return "SCRAM-SHA-256";
    case KafkaSecurity::Mechanism::kScramSha512: return "SCRAM-SHA-512";
    case KafkaSecurity::Mechanism::kOauthbearer: return "OAUTHBEARER";
  }
  return "";
}

/// Gathers properties; the first that is refused is what `finish` says.
class Settings {
 public:
  Settings& set(std::string_view name, std::string_view value) {
    std::array<char, 512> problem{};
    const auto done = rd_kafka_conf_set(conf_.get(), std::string(name).c_str(), std::string(value).c_str(), problem.data(), problem.size());
    if (done != RD_KAFKA_CONF_OK && problem_.empty()) problem_ = fmt::format("property {}: {}", name, problem.data());
    return *this;
  }
  Settings& set(std::string_view name, milliseconds value) { return set(name, fmt::to_string(value.count())); }
  Settings& set_if(std::string_view name, std::string_view value) { return value.empty() ? *this : set(name, value); }

  /// A file that is to be read: the library does not always say which one it cannot read.
  Settings& set_file(std::string_view name, const std::string& path) {
    if (!path.empty() && ::access(path.c_str(), R_OK) != 0 && problem_.empty()) problem_ = io_error(fmt::format("read {}", name), path, errno).message;
    return set_if(name, path);
  }

  Settings& forbid(std::string_view name, std::string_view why) {
    if (problem_.empty()) problem_ = fmt::format("property {} may not be set: {}", name, why);
    return *this;
  }

  Result<Conf> finish() && {
    if (!problem_.empty()) return fail(ErrorCode::kInvalidArgument, std::move(problem_));
    return std::move(conf_);
  }

 private:
  Conf conf_{rd_kafka_conf_new()};
  std::string problem_;
};

void secure(Settings& settings, const KafkaSecurity& security) {
  using Protocol = KafkaSecurity::Protocol;
  settings.set("security.protocol", name_of(security.protocol));
  if (security.protocol == Protocol::kSsl || security.protocol == Protocol::kSaslSsl) {
    settings.set_file("ssl.ca.location", security.ca_file)
        .set_file("ssl.certificate.location", security.certificate_file)
        .set_file("ssl.key.location", security.key_file)
        .set_if("ssl.key.password", security.key_password);
  }
  if (security.protocol == Protocol::kSaslPlaintext || security.protocol == Protocol::kSaslSsl) {
    settings.set("sasl.mechanism", name_of(security.mechanism))
        .set_if("sasl.username", security.username)
        .set_if("sasl.password", security.password);
  }
}

Settings common(const KafkaConnection& connection) {
  Settings settings;
  settings.set("bootstrap.servers", connection.brokers)
      .set("client.id", connection.client_id)
      .set("socket.nagle.disable", "true")  // R8
      .set("reconnect.backoff.max.ms", "2000")
      .set("log.connection.close", "false")
      .set("statistics.interval.ms", connection.on_statistics ? "5000" : "0");
  secure(settings, connection.security);
  return settings;
}

Settings consumer(const KafkaConnection& connection, const std::string& group) {
  Settings settings = common(connection);
  settings.set("group.id", group)
      .set("isolation.level", "read_committed")
      .set("enable.auto.commit", "false")
      .set("enable.auto.offset.store", "false")
      .set("auto.offset.reset", "error")  // D13
      .set("enable.partition.eof", "true")
      .set("check.crcs", "true")
      .set("fetch.wait.max.ms", "50")
      .set("fetch.min.bytes", "1")
      .set("fetch.error.backoff.ms", "50")
      .set_if("client.rack", connection.client_rack);
  return settings;
}

Settings producer(const KafkaConnection& connection) {
  Settings settings = common(connection);
  settings.set("enable.idempotence", "true")
      .set("acks", "all")
      .set("compression.type", "zstd")
      .set("partitioner", "murmur2_random")
      .set("message.max.bytes", fmt::to_string(connection.max_message_bytes))
      .set("retry.backoff.ms", "20");  // R11
  return settings;
}

Result<Conf> with_properties(Settings settings, const KafkaConnection& connection) {
  for (const auto& [name, value] : connection.properties) {
    if (const auto why = forbidden_property(name)) settings.forbid(name, *why);
    settings.set(name, value);
  }
  return std::move(settings).finish();
}

}  // namespace

Result<Conf> member_settings(const KafkaLogOptions& options) {
  Settings settings = consumer(options.connection, options.group);
  settings.set("partition.assignment.strategy", "range")  // D3
      .set("session.timeout.ms", options.session_timeout)
      .set("heartbeat.interval.ms", "1000")
      .set("max.poll.interval.ms", std::max(options.max_poll_interval, options.session_timeout))
      .set("queued.max.messages.kbytes", fmt::to_string(std::max<std::size_t>(options.prefetch_bytes >> 10, 1)))
      .set_if("group.instance.id", options.group_instance_id);
  return with_properties(std::move(settings), options.connection);
}

Result<Conf> transaction_settings(const KafkaLogOptions& options) {
  Settings settings = producer(options.connection);
  settings.set("transactional.id", options.transactional_id)
      .set("transaction.timeout.ms", options.transaction_timeout)
      .set("message.timeout.ms", options.transaction_timeout * 9 / 10)  // what is not acknowledged by then will not be committed
      .set("linger.ms", "5")
      .set("delivery.report.only.error", "true");
  return with_properties(std::move(settings), options.connection);
}

Result<Conf> reader_settings(const KafkaConnection& connection, const std::string& group) {
  return with_properties(consumer(connection, group), connection);
}

Result<Conf> admin_settings(const KafkaConnection& connection) { return with_properties(common(connection), connection); }

Result<Conf> writer_settings(const KafkaConnection& connection, milliseconds linger) {
  Settings settings = producer(connection);
  settings.set("linger.ms", linger)
      .set("batch.size", "1000000")
      .set("queue.buffering.max.messages", "1000000")
      .set("queue.buffering.max.kbytes", "1048576");
  return with_properties(std::move(settings), connection);
}

}  // namespace trailwarden::stream::kafka
