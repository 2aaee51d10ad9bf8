#include "app/kafka_setup.h"

#include <array>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

#include "aws/credential_chain.h"
#include "aws/http_client.h"
#include "core/text.h"
#include "stream/msk_token.h"
#include "stream/partitioned_log.h"

namespace trailwarden::app {
namespace {

using stream::KafkaSecurity;

/// What tells this process from the others of the group, the same after a restart.
std::string instance_of(const config::KafkaConfig& kafka) {
  if (!kafka.instance.empty()) return kafka.instance;
  if (const char* const pod = std::getenv("POD_NAME"); pod != nullptr && *pod != '\0') return pod;
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "trailwarden";
}

Result<std::string> secret(const config::SecretSource& source, std::string_view key) {
  if (source.empty()) return std::string();
  auto read = config::read_secret(source);
  if (!read) return fail(std::move(read).error().during(fmt::format("kafka.security.{}", key)));
  return read;
}

std::chrono::sys_time<std::chrono::milliseconds> now() { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

/// Whose tokens they are, with what it takes to ask for them.
struct MskCaller {
  aws::HttpClient http;
  aws::CredentialChain credentials;
  explicit MskCaller(const std::string& region) : credentials(http, {.region = region}) {}
};

/// A token of Amazon MSK, signed anew each time. The wall clock belongs to it: brokers check it.
std::function<Result<stream::KafkaToken>()> msk_tokens(const std::string& region) {
  return [caller = std::make_shared<MskCaller>(region), region]() -> Result<stream::KafkaToken> {
    auto credentials = caller->credentials.get();
    if (!credentials) return fail(std::move(credentials).error());
    stream::MskToken token = stream::msk_token(region, *credentials, std::chrono::floor<std::chrono::seconds>(now()));
    return stream::KafkaToken{std::move(token.text), token.expires, credentials->access_key_id};
  };
}

/// A token that somebody keeps in a file: read again whenever the last one is five minutes old.
std::function<Result<stream::KafkaToken>()> kept_tokens(config::SecretSource source) {
  return [source = std::move(source)]() -> Result<stream::KafkaToken> {
    auto token = config::read_secret(source);
    if (!token) return fail(std::move(token).error());
    return stream::KafkaToken{std::move(*token), now() + std::chrono::minutes{5}, "trailwarden"};
  };
}

Result<KafkaSecurity> security_of(const config::KafkaSecurity& from) {
  static constexpr std::pair<std::string_view, KafkaSecurity::Protocol> kProtocols[] = {{"plaintext", KafkaSecurity::Protocol::kPlaintext},
                                                                                        {"ssl", KafkaSecurity::Protocol::kSsl},
                                                                                        {"sasl_plaintext", KafkaSecurity::Protocol::kSaslPlaintext},
                                                                                        {"sasl_ssl", KafkaSecurity::Protocol::kSaslSsl}};
  static constexpr std::pair<std::string_view, KafkaSecurity::Mechanism> kMechanisms[] = {{"PLAIN", KafkaSecurity::Mechanism::kPlain},
                                                                                          {"SCRAM-SHA-256", KafkaSecurity::Mechanism::kScramSha256},
                                                                                          {"SCRAM-SHA-512", KafkaSecurity::Mechanism::kScramSha512},
                                                                                          {"OAUTHBEARER", KafkaSecurity::Mechanism::kOauthbearer},
                                                                                          {"AWS_MSK_IAM", KafkaSecurity::Mechanism::kOauthbearer}};
  KafkaSecurity security{.ca_file = from.ca_file, .certificate_file = from.certificate_file, .key_file = from.key_file, .username = from.username};
  for (const auto& [name, protocol] : kProtocols)
    if (name == from.protocol) security.protocol = protocol;
  for (const auto& [name, mechanism] : kMechanisms)
    if (name == from.mechanism) security.mechanism = mechanism;
  auto key_password = secret(from.key_password, "key_password"), password = secret(from.password, "password");
  if (!key_password) return fail(std::move(key_password).error());
  if (!password) return fail(std::move(password).error());
  security.key_password = std::move(*key_password);
  security.password = std::move(*password);
  if (from.mechanism == "AWS_MSK_IAM") security.token = msk_tokens(from.region);
  if (from.mechanism == "OAUTHBEARER") security.token = kept_tokens(from.token);
  return security;
}

Result<stream::KafkaLogOptions::StartFrom> start_from(const std::string& from) {
  using Kind = stream::KafkaLogOptions::StartFrom::Kind;
  if (from.empty()) return stream::KafkaLogOptions::StartFrom{};
  if (from == "earliest") return stream::KafkaLogOptions::StartFrom{.kind = Kind::kEarliest};
  if (from == "latest") return stream::KafkaLogOptions::StartFrom{.kind = Kind::kLatest};
  const auto time = parse_user_time(from);
  if (!time) return fail(ErrorCode::kInvalidArgument, fmt::format("--from {}: expected earliest, latest, or a time as 2026-01-05T00:00:00Z", printable(from)));
  return stream::KafkaLogOptions::StartFrom{.kind = Kind::kTime, .time = *time};
}

}  // namespace

std::vector<std::string_view> output_topics(const config::ServiceConfig& service) {
  std::vector<std::string_view> topics{stream::kAlertsTopic, stream::kLedgerTopic, stream::kStateTopic, stream::kDeadLetterTopic};
  if (service.kafka->tick_interval.count() > 0) topics.push_back(stream::kTicksTopic);
  if (service.kafka->late_topic) topics.push_back(stream::kLateTopic);
  if (service.roles.archiver || service.roles.digest) topics.push_back(stream::kManifestTopic);
  if (service.roles.digest) topics.push_back(stream::kDigestsTopic);
  if (service.roles.notifier) topics.insert(topics.end(), {stream::kNotificationsTopic, stream::kUndeliveredTopic});
  return topics;
}

Result<stream::KafkaConnection> kafka_connection(const config::Config& config) {
  const config::KafkaConfig& kafka = *config.service.kafka;
  auto security = security_of(kafka.security);
  if (!security) return fail(std::move(security).error());
  return stream::KafkaConnection{.brokers = kafka.brokers, .client_id = "trailwarden-" + instance_of(kafka), .client_rack = kafka.rack, .security = std::move(*security),
                                 .max_message_bytes = config.output.max_message_bytes, .properties = kafka.properties};
}

Result<stream::KafkaLogOptions> kafka_log_options(const config::Config& config, std::size_t worker, const std::string& from) {
  const config::KafkaConfig& kafka = *config.service.kafka;
  auto connection = kafka_connection(config);
  if (!connection) return fail(std::move(connection).error());
  auto start = start_from(from.empty() && kafka.start != "committed" ? kafka.start : from);
  if (!start) return fail(std::move(start).error());
  stream::KafkaLogOptions options{.connection = std::move(*connection), .group = kafka.group, .topic_prefix = kafka.topic_prefix, .start_from = *start,
                                  .session_timeout = kafka.session_timeout, .transaction_timeout = kafka.transaction_timeout};
  for (const config::KafkaInput& input : kafka.input) options.inputs.push_back(input.topic);
  if (kafka.tick_interval.count() > 0) options.ticks_topic = stream::topic_name(stream::kTicksTopic, kafka.topic_prefix);
  for (const std::string_view topic : output_topics(config.service)) options.outputs.push_back(stream::topic_name(topic, kafka.topic_prefix));
  options.transactional_id = fmt::format("{}-{}-{}", kafka.group, instance_of(kafka), worker);
  return options;
}

Result<stream::KafkaLogOptions> kafka_archive_options(const config::Config& config, const std::string& from, bool with_alerts) {
  const config::KafkaConfig& kafka = *config.service.kafka;
  auto options = kafka_log_options(config, 0, from);
  if (!options) return options;
  options->group = kafka.archiver_group;
  options->transactional_id = fmt::format("{}-{}", kafka.archiver_group, instance_of(kafka));
  options->outputs = {stream::topic_name(stream::kManifestTopic, kafka.topic_prefix)};
  if (with_alerts) {
    options->inputs.push_back(stream::topic_name(stream::kAlertsTopic, kafka.topic_prefix));
    options->own_inputs = {options->inputs.back()};
  }
  return options;
}

Result<stream::KafkaLogOptions> kafka_digest_options(const config::Config& config) {
  const config::KafkaConfig& kafka = *config.service.kafka;
  auto options = kafka_log_options(config, 0, "earliest");
  if (!options) return options;
  options->group = kafka.digest_group;
  options->transactional_id = fmt::format("{}-{}", kafka.digest_group, instance_of(kafka));
  options->inputs = {stream::topic_name(stream::kManifestTopic, kafka.topic_prefix)};
  options->outputs = {stream::topic_name(stream::kDigestsTopic, kafka.topic_prefix), stream::topic_name(stream::kAlertsTopic, kafka.topic_prefix)};
  options->ticks_topic.clear();
  return options;
}

Result<stream::KafkaLogOptions> kafka_notifier_options(const config::Config& config, const std::string& start) {
  const config::KafkaConfig& kafka = *config.service.kafka;
  auto options = kafka_log_options(config, 0, start);
  if (!options) return options;
  options->group = kafka.notifier_group;
  options->transactional_id = fmt::format("{}-{}", kafka.notifier_group, instance_of(kafka));
  options->inputs = {stream::topic_name(stream::kAlertsTopic, kafka.topic_prefix)};
  options->own_inputs = options->inputs;
  options->outputs = {stream::topic_name(stream::kNotificationsTopic, kafka.topic_prefix), stream::topic_name(stream::kUndeliveredTopic, kafka.topic_prefix)};
  options->ticks_topic.clear();
  return options;
}

}  // namespace trailwarden::app
