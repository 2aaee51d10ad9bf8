#include "config/service_config.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>

#include <fmt/format.h>

#include "core/read_file.h"
#include "core/text.h"

namespace trailwarden::config {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 4> kProtocols{"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"};
constexpr std::array<std::string_view, 5> kMechanisms{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"};
constexpr std::string_view kNoMechanism = "";

KafkaSecurity read_security(const Section& section) {
  static constexpr std::array<std::string_view, 15> kKeys{"protocol",    "allow_plaintext", "ca_file",       "certificate_file", "key_file",
                                                          "key_password_file", "key_password_env", "mechanism",     "username",         "password_file",
                                                          "password_env", "token_file",      "token_env",     "region",           "password"};
  section.only(kKeys);
  if (section.has("password")) section.report_key("password", "a secret does not belong into this file: put it into a file of its own and name it with password_file, or use password_env");
  KafkaSecurity security;
  security.protocol = section.choice("protocol", security.protocol, kProtocols);
  security.allow_plaintext = section.boolean("allow_plaintext", false);
  security.ca_file = section.text("ca_file", "");
  security.certificate_file = section.text("certificate_file", "");
  security.key_file = section.text("key_file", "");
  security.key_password = read_secret_source(section, "key_password");
  security.mechanism = section.choice("mechanism", kNoMechanism, kMechanisms);
  security.username = section.text("username", "");
  security.password = read_secret_source(section, "password");
  security.token = read_secret_source(section, "token");
  security.region = section.text("region", "");
  const bool sasl = security.protocol.starts_with("sasl");
  if (sasl && security.mechanism.empty()) section.report("protocol", fmt::format("{} needs `mechanism`", security.protocol));
  if (!sasl && !security.mechanism.empty()) section.report("mechanism", fmt::format("a mechanism needs protocol sasl_ssl, not {}", security.protocol));
  const bool has_password = security.mechanism == "PLAIN" || security.mechanism.starts_with("SCRAM");
  if (has_password && (security.username.empty() || security.password.empty()))
    section.report("mechanism", fmt::format("{} needs `username`, and `password_file` or `password_env`", security.mechanism));
  if (security.mechanism == "OAUTHBEARER" && security.token.empty()) section.report("mechanism", "OAUTHBEARER needs `token_file` or `token_env`");
  if (security.mechanism == "AWS_MSK_IAM" && security.region.empty()) section.report("mechanism", "AWS_MSK_IAM needs `region`, that of the cluster");
  if (security.certificate_file.empty() != security.key_file.empty()) section.report("certificate_file", "certificate_file and key_file go together");
  return security;
}

/// Kafka's own rule for names.
bool is_topic_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'; });
}

std::string read_topic_prefix(const Section& section) {
  static constexpr std::array<std::string_view, 1> kKeys{"prefix"};
  constexpr std::size_t kLongest = 200;  // Kafka takes names of 249
  section.only(kKeys);
  std::string prefix = section.text("prefix", KafkaConfig{}.topic_prefix);
  if (prefix.empty() || prefix.size() > kLongest || !is_topic_text(prefix))
    section.report("prefix", fmt::format("topics are named with letters, digits, '.', '_' and '-': 1 to {} of them", kLongest));
  return prefix;
}

std::vector<KafkaInput> read_input(const Section& section, const std::string& own_prefix) {
  static constexpr std::array<std::string_view, 2> kKeys{"topic", "gaps"};
  static constexpr std::array<std::string_view, 2> kGaps{"stop", "allow"};
  std::vector<KafkaInput> inputs;
  for (const Section& one : section.sections("input")) {
    one.only(kKeys);
    KafkaInput input{one.text("topic", ""), one.choice("gaps", "stop", kGaps) == "allow"};
    if (input.topic.empty()) one.report("topic", "each input names its `topic`");
    else if (!is_topic_text(input.topic)) one.report("topic", "topics are named with letters, digits, '.', '_' and '-'");
    else if (input.topic.starts_with(own_prefix))
      one.report("topic", fmt::format("topics that begin with \"{}\" are the service's own: rename the input, or set topics.prefix", own_prefix));
    else if (std::any_of(inputs.begin(), inputs.end(), [&](const KafkaInput& other) { return other.topic == input.topic; }))
      one.report("topic", fmt::format("{} is there already", input.topic));
    inputs.push_back(std::move(input));
  }
  if (inputs.empty()) section.report("input", "kafka needs its input: `input: [{topic: cloudtrail}]`");
  return inputs;
}

/// Properties of librdkafka that hold a secret.
bool is_secret(std::string_view property) {
  static constexpr std::array<std::string_view, 5> kParts{"password", "secret", "token", "key.pem", "oauthbearer.config"};
  return std::any_of(kParts.begin(), kParts.end(), [property](std::string_view part) { return property.find(part) != std::string_view::npos; });
}

KafkaConfig read_kafka(const Section& section) {
  static constexpr std::array<std::string_view, 16> kKeys{"brokers", "group", "archiver_group", "digest_group", "notifier_group", "topics", "instance", "start", "input", "security", "session_timeout",
                                                          "transaction_timeout", "ticks", "late_topic", "rack", "properties"};
  static constexpr std::array<std::string_view, 2> kTickKeys{"interval", "grace"};
  static constexpr std::array<std::string_view, 3> kStarts{"committed", "earliest", "latest"};
  section.only(kKeys);
  KafkaConfig kafka;
  kafka.brokers = section.text("brokers", "");
  if (kafka.brokers.empty()) section.report("brokers", "kafka needs its brokers: `brokers: \"host:9092,other:9092\"`");
  if (kafka.brokers.find('@') != std::string::npos) section.report("brokers", "brokers are HOST:PORT, with no user: kafka.security says who we are");
  kafka.group = section.text("group", kafka.group);
  kafka.archiver_group = section.text("archiver_group", kafka.archiver_group);
  if (kafka.archiver_group == kafka.group) section.report("archiver_group", "the archiver needs a group of its own: within one group each record goes to one of the two only");
  kafka.digest_group = section.text("digest_group", kafka.digest_group);
  if (kafka.digest_group == kafka.group || kafka.digest_group == kafka.archiver_group) section.report("digest_group", "the digest writer needs a group of its own: it reads another topic than the other roles");
  kafka.notifier_group = section.text("notifier_group", kafka.notifier_group);
  if (kafka.notifier_group == kafka.group || kafka.notifier_group == kafka.archiver_group || kafka.notifier_group == kafka.digest_group)
    section.report("notifier_group", "the notifier needs a group of its own: it reads another topic than the other roles");
  kafka.instance = section.text("instance", "");
  kafka.start = section.choice("start", kafka.start, kStarts);
  kafka.topic_prefix = read_topic_prefix(section.section("topics"));
  kafka.input = read_input(section, kafka.topic_prefix);
  kafka.security = read_security(section.section("security"));
  kafka.session_timeout = section.duration("session_timeout", kafka.session_timeout, 6s, 300s);
  kafka.transaction_timeout = section.duration("transaction_timeout", kafka.transaction_timeout, 5s, 600s);
  const Section ticks = section.section("ticks");
  ticks.only(kTickKeys);
  kafka.tick_interval = ticks.duration("interval", kafka.tick_interval, 0s, 1h);
  kafka.tick_grace = ticks.duration("grace", kafka.tick_grace, 0s, 24h);
  kafka.late_topic = section.boolean("late_topic", false);
  kafka.rack = section.text("rack", "");
  const Section properties = section.section("properties");
  for (const std::string& name : properties.keys()) {
    kafka.properties.emplace_back(name, properties.text(name, ""));
    if (is_secret(name)) properties.report_key(name, fmt::format("{}: a secret does not belong into this file; kafka.security names places for secrets", name));
  }
  if (kafka.security.protocol.ends_with("plaintext") && !kafka.security.allow_plaintext && !kafka.brokers.empty() && !is_loopback(kafka.brokers))
    section.report("brokers", "these brokers are not on this machine, and the protocol does not encrypt: use ssl or sasl_ssl, or allow it with security.allow_plaintext: true");
  return kafka;
}

/// What stands between `https://`, or `http://`, and the path; empty: it is neither.
std::string_view host_of(std::string_view url) {
  for (const std::string_view scheme : {"https://", "http://"})
    if (url.starts_with(scheme)) return url.substr(scheme.size(), url.find('/', scheme.size()) - scheme.size());
  return {};
}

/// That requests go to a server of https://, or stay on this machine.
void check_address(const Section& section, std::string_view key, const SqsConfig& queue, const std::string& url, std::string_view example) {
  const std::string_view host = host_of(url);
  if (host.empty() || url.find_first_of(" ?#@") != std::string::npos) section.report(key, fmt::format("{}: expected {}, with no user and no query", key, example));
  else if (url.starts_with("http://") && !queue.allow_plaintext && !is_loopback(std::string(host)))
    section.report(key, fmt::format("{}: this host is not this machine, and http:// does not encrypt: use https://, or allow it with allow_plaintext: true", key));
}

/// The Region in the name of one of AWS's own hosts.
std::string region_of(std::string_view url) {
  std::string_view host = host_of(url);
  host = host.substr(0, host.find(".amazonaws.com"));
  if (host.size() == host_of(url).size()) return {};
  if (host.starts_with("sqs.")) return std::string(host.substr(4));
  return host.ends_with(".queue") ? std::string(host.substr(0, host.size() - 6)) : std::string();
}

std::vector<SqsConfig> read_queues(const Section& embedded) {
  static constexpr std::array<std::string_view, 7> kKeys{"queue_url", "region", "endpoint", "buckets", "bucket_region", "visibility", "allow_plaintext"};
  std::vector<SqsConfig> queues;
  for (const Section& one : embedded.sections("sqs")) {
    one.only(kKeys);
    SqsConfig queue{.queue_url = one.text("queue_url", ""), .region = {}, .endpoint = one.text("endpoint", ""), .buckets = one.texts("buckets", {}), .bucket_region = {}};
    queue.allow_plaintext = one.boolean("allow_plaintext", false);
    const std::string_view example = "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME";
    const std::string_view path = std::string_view(queue.queue_url).substr(std::min(queue.queue_url.size(), queue.queue_url.find("//") + 2));
    if (queue.queue_url.empty()) one.report("queue_url", fmt::format("each queue needs its `queue_url`: {}", example));
    else if (path.find('/') == std::string_view::npos || path.ends_with('/')) one.report("queue_url", fmt::format("queue_url: expected {}", example));
    else if (queue.endpoint.empty()) check_address(one, "queue_url", queue, queue.queue_url, example);
    if (!queue.endpoint.empty()) check_address(one, "endpoint", queue, queue.endpoint, "https://HOST or https://HOST:PORT");
    queue.region = one.text("region", region_of(queue.queue_url));
    if (queue.region.empty() && !queue.queue_url.empty()) one.report("region", "the queue_url does not say its Region: set `region`");
    queue.bucket_region = one.text("bucket_region", queue.region);
    queue.visibility = one.duration("visibility", queue.visibility, 5s, 12h);
    if (std::any_of(queues.begin(), queues.end(), [&queue](const SqsConfig& other) { return !queue.queue_url.empty() && other.queue_url == queue.queue_url; }))
      one.report("queue_url", "this queue is there already");
    queues.push_back(std::move(queue));
  }
  if (embedded.has("sqs") && queues.empty()) embedded.report("sqs", "sqs needs a queue: `sqs: [{queue_url: \"https://sqs.eu-west-1.amazonaws.com/111122223333/trail-objects\"}]`");
  return queues;
}

EmbeddedConfig read_embedded(const Section& section) {
  static constexpr std::array<std::string_view, 6> kKeys{"input", "sqs", "data", "alerts", "keep_input", "max_bytes"};
  section.only(kKeys);
  EmbeddedConfig embedded;
  embedded.sqs = read_queues(section);
  if (section.has("sqs") && section.has("input")) section.report_key("input", "input: and sqs: exclude each other: the service reads a folder or queues");
  embedded.input = section.text("input", embedded.input);
  embedded.data = section.text("data", embedded.data);
  embedded.alerts = section.text("alerts", embedded.alerts);
  embedded.keep_input = section.boolean("keep_input", embedded.keep_input);
  embedded.max_bytes = section.bytes("max_bytes", embedded.max_bytes, std::uint64_t{64} << 20, std::uint64_t{1} << 50);
  return embedded;
}

HttpTls read_tls(const Section& section) {
  static constexpr std::array<std::string_view, 3> kKeys{"certificate_file", "key_file", "client_ca_file"};
  section.only(kKeys);
  HttpTls tls{section.text("certificate_file", ""), section.text("key_file", ""), section.text("client_ca_file", "")};
  if (tls.certificate_file.empty() != tls.key_file.empty()) section.report("certificate_file", "certificate_file and key_file go together");
  else if (tls.certificate_file.empty() && !tls.client_ca_file.empty()) section.report("client_ca_file", "clients show certificates to a server that has one: set certificate_file and key_file");
  return tls;
}

HttpLimits read_limits(const Section& section) {
  static constexpr std::array<std::string_view, 9> kKeys{"connections",  "connections_per_address", "requests_per_second", "max_header",  "max_body",
                                                         "read_timeout", "body_timeout",            "write_timeout",       "idle_timeout"};
  section.only(kKeys);
  HttpLimits limits;
  limits.connections = section.integer("connections", limits.connections, 4, 10'000);
  limits.connections_per_address = section.integer("connections_per_address", limits.connections_per_address, 0, 10'000);
  limits.requests_per_second = section.number("requests_per_second", limits.requests_per_second, 0, 1e6);
  limits.max_header_bytes = section.bytes("max_header", limits.max_header_bytes, 1 << 10, 1 << 20);
  limits.max_body_bytes = section.bytes("max_body", limits.max_body_bytes, 1 << 10, 64 << 20);
  limits.read_timeout = section.duration("read_timeout", limits.read_timeout, 1s, 10min);
  limits.body_timeout = section.duration("body_timeout", limits.body_timeout, 1s, 10min);
  limits.write_timeout = section.duration("write_timeout", limits.write_timeout, 1s, 10min);
  limits.idle_timeout = section.duration("idle_timeout", limits.idle_timeout, 1s, 1h);
  return limits;
}

HttpConfig read_http(const Section& section) {
  static constexpr std::array<std::string_view, 7> kKeys{"listen", "metrics_listen", "token_file", "token_env", "tls", "limits", "token"};
  section.only(kKeys);
  if (section.has("token")) section.report_key("token", "a secret does not belong into this file: put it into a file of its own and name it with token_file, or use token_env");
  HttpConfig http;
  http.listen = section.text("listen", http.listen);
  http.metrics_listen = section.text("metrics_listen", "");
  for (const auto& [key, address] : {std::pair("listen", &http.listen), {"metrics_listen", &http.metrics_listen}})
    if (address->find('@') != std::string::npos) section.report(key, fmt::format("{}: an address and a port to listen on, with no user", key));
  http.token = read_secret_source(section, "token");
  http.tls = read_tls(section.section("tls"));
  http.limits = read_limits(section.section("limits"));
  return http;
}

bool is_all(std::string_view text, bool (*fits)(char)) { return std::all_of(text.begin(), text.end(), fits); }

ApiKey read_api_key(const Section& section) {
  static constexpr std::array<std::string_view, 5> kKeys{"id", "account", "secret_file", "secret_env", "secret"};
  section.only(kKeys);
  if (section.has("secret")) section.report_key("secret", "a secret does not belong into this file: put it into a file of its own and name it with secret_file, or use secret_env");
  ApiKey key{section.text("id", ""), section.text("account", ""), read_secret_source(section, "secret")};
  const bool is_id = key.id.size() >= 16 && key.id.size() <= 128 && is_all(key.id, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; });
  if (!is_id) section.report("id", "id: an access key id has 16 to 128 letters, digits and '_'");
  if (key.account.size() != 12 || !is_all(key.account, [](char c) { return c >= '0' && c <= '9'; }))
    section.report("account", "account: whose trails are asked for with this key: 12 digits");
  if (key.secret.empty()) section.report("id", "this key needs its secret: secret_file or secret_env");
  return key;
}

ApiConfig read_api(const Section& section, const HttpConfig& http) {
  static constexpr std::array<std::string_view, 2> kKeys{"regions", "keys"};
  section.only(kKeys);
  ApiConfig api;
  api.regions = section.texts("regions", {});
  for (const std::string& region : api.regions)
    if (region.empty() || !is_all(region, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }))
      section.report("regions", fmt::format("regions: \"{}\" is not the name of a Region, as eu-west-1 is", printable(region)));
  for (const Section& one : section.sections("keys")) {
    ApiKey key = read_api_key(one);
    if (std::any_of(api.keys.begin(), api.keys.end(), [&](const ApiKey& other) { return other.id == key.id; })) one.report("id", "this id is there already");
    api.keys.push_back(std::move(key));
  }
  if (!api.keys.empty() && http.listen.empty()) section.report("keys", "the API is served where the pages are: give http its `listen`");
  return api;
}

/// `NAME: "VALUE"`, if there is one.
void line(std::string& out, int indent, std::string_view name, std::string_view value) {
  if (!value.empty()) out += fmt::format("{:{}}{}: {}\n", "", indent, name, yaml_text(value));
}
void line(std::string& out, int indent, const std::string& name, const SecretSource& source) {
  line(out, indent, name + "_file", source.file);
  line(out, indent, name + "_env", source.environment);
}

std::string security_yaml(const KafkaSecurity& security) {
  std::string out = fmt::format("  security:\n    protocol: {}\n    allow_plaintext: {}\n", security.protocol, security.allow_plaintext);
  line(out, 4, "ca_file", security.ca_file);
  line(out, 4, "certificate_file", security.certificate_file);
  line(out, 4, "key_file", security.key_file);
  line(out, 4, "key_password", security.key_password);
  line(out, 4, "mechanism", security.mechanism);
  line(out, 4, "username", security.username);
  line(out, 4, "password", security.password);
  line(out, 4, "token", security.token);
  line(out, 4, "region", security.region);
  return out;
}

std::string kafka_yaml(const KafkaConfig& kafka) {
  std::string out = "kafka:\n";
  line(out, 2, "brokers", kafka.brokers);
  line(out, 2, "group", kafka.group);
  line(out, 2, "archiver_group", kafka.archiver_group);
  line(out, 2, "digest_group", kafka.digest_group);
  line(out, 2, "notifier_group", kafka.notifier_group);
  line(out, 2, "instance", kafka.instance);
  out += fmt::format("  start: {}\n", kafka.start);
  out += "  input:\n";
  for (const KafkaInput& input : kafka.input) out += fmt::format("    - topic: {}\n      gaps: {}\n", yaml_text(input.topic), input.gaps ? "allow" : "stop");
  out += fmt::format("  topics:\n    prefix: {}\n", yaml_text(kafka.topic_prefix));
  out += security_yaml(kafka.security);
  out += fmt::format("  session_timeout: {}\n  transaction_timeout: {}\n  ticks:\n    interval: {}\n    grace: {}\n  late_topic: {}\n", format_duration(kafka.session_timeout),
                     format_duration(kafka.transaction_timeout), format_duration(kafka.tick_interval), format_duration(kafka.tick_grace), kafka.late_topic);
  line(out, 2, "rack", kafka.rack);
  if (!kafka.properties.empty()) out += "  properties:\n";
  for (const auto& [name, value] : kafka.properties) line(out, 4, name, value);
  return out;
}

std::string queues_yaml(const std::vector<SqsConfig>& queues) {
  std::string out = queues.empty() ? "" : "  sqs:\n";
  for (const SqsConfig& queue : queues) {
    out += fmt::format("    - queue_url: {}\n", yaml_text(queue.queue_url));
    line(out, 6, "region", queue.region);
    line(out, 6, "endpoint", queue.endpoint);
    if (!queue.buckets.empty()) out += "      buckets:\n";
    for (const std::string& bucket : queue.buckets) out += fmt::format("        - {}\n", yaml_text(bucket));
    line(out, 6, "bucket_region", queue.bucket_region);
    out += fmt::format("      visibility: {}\n      allow_plaintext: {}\n", format_duration(queue.visibility), queue.allow_plaintext);
  }
  return out;
}

std::string api_yaml(const ApiConfig& api) {
  std::string out = "api:\n  regions: [";
  for (const std::string& region : api.regions) out += (&region == api.regions.data() ? "" : ", ") + yaml_text(region);
  out += api.keys.empty() ? "]\n  keys: []\n" : "]\n  keys:\n";
  for (const ApiKey& key : api.keys) {
    out += fmt::format("    - id: {}\n      account: {}\n", yaml_text(key.id), yaml_text(key.account));
    line(out, 6, "secret", key.secret);
  }
  return out;
}

std::string http_yaml(const HttpConfig& http) {
  std::string out = fmt::format("http:\n  listen: {}\n  metrics_listen: {}\n", yaml_text(http.listen), yaml_text(http.metrics_listen));
  line(out, 2, "token", http.token);
  if (!http.tls.certificate_file.empty()) out += "  tls:\n";
  line(out, 4, "certificate_file", http.tls.certificate_file);
  line(out, 4, "key_file", http.tls.key_file);
  line(out, 4, "client_ca_file", http.tls.client_ca_file);
  const HttpLimits& limits = http.limits;
  out += fmt::format("  limits:\n    connections: {}\n    connections_per_address: {}\n    requests_per_second: {}\n    max_header: {}\n    max_body: {}\n", limits.connections,
                     limits.connections_per_address, limits.requests_per_second, format_size(limits.max_header_bytes), format_size(limits.max_body_bytes));
  out += fmt::format("    read_timeout: {}\n    body_timeout: {}\n    write_timeout: {}\n    idle_timeout: {}\n", format_duration(limits.read_timeout),
                     format_duration(limits.body_timeout), format_duration(limits.write_timeout), format_duration(limits.idle_timeout));
  return out;
}

// Some write the secret itself where its place belongs, and an error goes into logs. So what does not look like a place is not said.

std::string shown_name(const std::string& variable) {
  const bool is_plain = is_all(variable, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; });
  return is_plain && variable.find('_') != std::string::npos ? variable : "that its `_env` names (it is not shown, as it is not written like one: SOME_NAME)";
}

std::string shown_path(const std::string& path) {
  return path.starts_with('/') || path.starts_with("./") || path.starts_with("../") ? path : "that its `_file` names (it is not shown, as it is not written like a path: /run/secrets/name, ./name)";
}

Roles read_roles(const Section& top) {
  Roles roles;
  if (!top.has("roles")) return roles;
  roles = {.detector = false};
  for (const std::string& role : top.texts("roles", {})) {
    if (role == "detector") roles.detector = true;
    else if (role == "archiver") roles.archiver = true;
    else if (role == "digest") roles.digest = true;
    else if (role == "notifier") roles.notifier = true;
    else top.report("roles", fmt::format("roles: expected detector, archiver, digest or notifier, found {}", printable(role)));
  }
  if (roles == Roles{.detector = false}) top.report("roles", "roles: a process has to do something: detector, archiver, digest, notifier, or several");
  return roles;
}

std::string roles_yaml(const Roles& roles) {
  std::vector<std::string_view> names;
  for (const auto& [name, is_set] : {std::pair("detector", roles.detector), {"archiver", roles.archiver}, {"digest", roles.digest}, {"notifier", roles.notifier}})
    if (is_set) names.emplace_back(name);
  return fmt::format("roles: [{}]\n", fmt::join(names, ", "));
}

}  // namespace

SecretSource read_secret_source(const Section& section, const std::string& name) {
  const std::string file_key = name + "_file", environment_key = name + "_env";
  SecretSource source{section.text(file_key, ""), section.text(environment_key, "")};
  if (!source.file.empty() && !source.environment.empty()) section.report(environment_key, fmt::format("{} and {}: give one of them", file_key, environment_key));
  if (!is_all(source.environment, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }))
    section.report(environment_key, fmt::format("{}: the name of an environment variable, as SOME_NAME; never the secret itself", environment_key));
  return source;
}

Result<std::string> read_secret(const SecretSource& source) {
  if (!source.environment.empty()) {
    const char* const value = std::getenv(source.environment.c_str());
    if (value == nullptr || *value == '\0') return fail(ErrorCode::kNotFound, fmt::format("the environment variable {} is not set, or empty", shown_name(source.environment)));
    return std::string(value);
  }
  auto secret = read_file(source.file);
  if (!secret && secret.error().code == ErrorCode::kNotFound) return fail(ErrorCode::kNotFound, fmt::format("the file {} is not there", shown_path(source.file)));
  if (!secret) return secret;
  while (secret->ends_with('\n') || secret->ends_with('\r')) secret->pop_back();
  if (secret->empty()) return fail(ErrorCode::kNotFound, fmt::format("{}: nothing stands in it", source.file));
  return secret;
}

bool is_loopback(const std::string& brokers) {
  std::istringstream list(brokers);
  std::string broker;
  while (std::getline(list, broker, ',')) {
    const std::size_t begin = broker.find_first_not_of(' ');
    const std::string_view host = begin == std::string::npos ? std::string_view() : std::string_view(broker).substr(begin);
    const bool is_local = (host.starts_with("127.") && host.find_first_not_of("0123456789.:") == std::string_view::npos) || host.starts_with("localhost:") || host == "localhost" || host.starts_with("[::1]");
    if (!is_local) return false;
  }
  return true;
}

ServiceConfig read_service(const Section& top) {
  ServiceConfig service;
  service.roles = read_roles(top);
  service.workers = static_cast<std::size_t>(top.integer("workers", 1, 1, 256));
  if (top.has("kafka")) service.kafka = read_kafka(top.section("kafka"));
  service.embedded = read_embedded(top.section("embedded"));
  if (service.kafka && top.has("embedded")) top.report_key("embedded", "kafka: and embedded: exclude each other: the service reads one log");
  if (!service.kafka && service.workers > 1) top.report("workers", "the embedded log has one partition, so one worker: take `workers` out, or use kafka");
  if (!service.kafka && (service.roles.archiver || service.roles.digest || service.roles.notifier) && !service.roles.detector)
    top.report("roles", "roles: with the embedded log archiver, digest writer and notifier work in the detector's process: [detector, archiver, digest, notifier]; processes of their own need kafka");
  service.http = read_http(top.section("http"));
  service.api = read_api(top.section("api"), service.http);
  static constexpr std::array<std::string_view, 1> kStateKeys{"snapshot_interval"};
  const Section state = top.section("state");
  state.only(kStateKeys);
  service.snapshot_interval = state.duration("snapshot_interval", service.snapshot_interval, 60s, 24h);
  return service;
}

std::string to_yaml(const ServiceConfig& config) {
  std::string out = fmt::format("{}workers: {}\n", roles_yaml(config.roles), config.workers);
  if (config.kafka) {
    out += kafka_yaml(*config.kafka);
  } else {
    out += "embedded:\n";
    if (config.embedded.sqs.empty()) line(out, 2, "input", config.embedded.input);
    out += queues_yaml(config.embedded.sqs);
    line(out, 2, "data", config.embedded.data);
    line(out, 2, "alerts", config.embedded.alerts);
    out += fmt::format("  keep_input: {}\n", config.embedded.keep_input);
    if (config.embedded.max_bytes > 0) out += fmt::format("  max_bytes: {}\n", format_size(config.embedded.max_bytes));
  }
  out += http_yaml(config.http) + api_yaml(config.api);
  out += fmt::format("state:\n  snapshot_interval: {}\n", format_duration(config.snapshot_interval));
  return out;
}

}  // namespace trailwarden::config
