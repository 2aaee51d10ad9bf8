#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/section.h"

namespace trailwarden::config {

/// A secret's place, never the secret: a file, or an environment variable. Read when it is needed.
struct SecretSource {
  std::string file, environment;
  bool empty() const { return file.empty() && environment.empty(); }
  bool operator==(const SecretSource&) const = default;
};

/// Reads it; a file's last newline is left out. kNotFound or kIo with the place, never with the secret.
Result<std::string> read_secret(const SecretSource& source);

/// The place that `NAME_file` or `NAME_env` names; neither: none.
SecretSource read_secret_source(const Section& section, const std::string& name);

/// `kafka.security:`
struct KafkaSecurity {
  std::string protocol = "ssl";  // plaintext, ssl, sasl_plaintext, sasl_ssl
  bool allow_plaintext = false;  // to brokers that are not on this machine
  std::string ca_file, certificate_file, key_file;
  SecretSource key_password;
  std::string mechanism;  // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM
  std::string username;
  SecretSource password;
  SecretSource token;        // OAUTHBEARER: what stands there is the token
  std::string region;        // AWS_MSK_IAM
};

struct KafkaInput {
  std::string topic;
  bool gaps = false;  // offsets may have holes: the topic is compacted, or written in transactions
};

/// `kafka:`
struct KafkaConfig {
  std::string brokers;
  std::string group = "trailwarden-detector";
  std::string archiver_group = "trailwarden-archiver";
  std::string digest_group = "trailwarden-digest";
  std::string notifier_group = "trailwarden-notifier";
  std::string instance;  // what tells this process from the others of the group, the same after a restart; empty: POD_NAME, else the host's name
  std::string start = "committed";  // where partitions begin that were never committed: "committed" (they do not), "earliest", "latest"
  std::vector<KafkaInput> input;
  KafkaSecurity security;
  std::chrono::seconds session_timeout{15}, transaction_timeout{10};
  std::chrono::seconds tick_interval{60}, tick_grace = std::chrono::minutes{15};
  std::string topic_prefix = "trailwarden.";  // of the topics that the service writes
  bool late_topic = false;
  std::string rack;
  std::vector<std::pair<std::string, std::string>> properties;  // of librdkafka, as they are
};

/// One of `embedded.sqs`: a queue that tells of objects in S3.
struct SqsConfig {
  std::string queue_url;
  std::string region;                // of the queue
  std::string endpoint;              // that is asked instead of the URL's host; empty: none
  std::vector<std::string> buckets;  // whose objects are read; empty: any
  std::string bucket_region;         // of buckets where a notice does not say it
  std::chrono::seconds visibility = std::chrono::minutes{5};  // for which a message is hidden from others, again and again
  bool allow_plaintext = false;      // http:// to a host that is not this machine
  bool operator==(const SqsConfig&) const = default;
};

/// `embedded:`: the service without Kafka.
struct EmbeddedConfig {
  std::string input = "inbox";            // watched folder; not with queues
  std::vector<SqsConfig> sqs;             // queues; none: the folder
  std::string data = "trailwarden-data";  // database; and alerts.jsonl, unless told otherwise
  std::string alerts;                     // file that alerts are appended to; empty: DATA/alerts.jsonl
  bool keep_input = false;                // the database keeps all input, for `audit --recompute`; else what a restart may need
  std::uint64_t max_bytes = 0;            // of the database; 0: as the disk has room
  bool operator==(const EmbeddedConfig&) const = default;
};

/// `http.tls:`
struct HttpTls {
  std::string certificate_file, key_file;  // none: plain
  std::string client_ca_file;              // whose certificates open /config and /state
  bool operator==(const HttpTls&) const = default;
};

/// `http.limits:`
struct HttpLimits {
  std::int64_t connections = 64;
  std::int64_t connections_per_address = 32;  // 0: as many as there may be
  double requests_per_second = 100;           // of an address; 0: any
  std::uint64_t max_header_bytes = std::uint64_t{8} << 10, max_body_bytes = std::uint64_t{1} << 20;
  std::chrono::seconds read_timeout{5}, body_timeout{10}, write_timeout{10}, idle_timeout{60};
  bool operator==(const HttpLimits&) const = default;
};

/// `http:`
struct HttpConfig {
  std::string listen = "127.0.0.1:9464";  // empty: no server
  std::string metrics_listen;             // another address, for /metrics, /healthz and /readyz alone; empty: none
  SecretSource token;                     // that opens /config and /state
  HttpTls tls;                            // of `listen`
  HttpLimits limits;                      // of each of both
};

/// An access key of `api.keys`.
struct ApiKey {
  std::string id, account;  // who has it asks for this account's trails
  SecretSource secret;
  bool operator==(const ApiKey&) const = default;
};

/// `api:` CloudTrail's API, beside the pages of `http`.
struct ApiConfig {
  std::vector<std::string> regions;  // that are answered for; empty: any
  std::vector<ApiKey> keys;          // none: no API
  bool operator==(const ApiConfig&) const = default;
};

/// `roles:` what one process does.
struct Roles {
  bool detector = true;
  bool archiver = false;  // writes the trails
  bool digest = false;    // signs what the archivers wrote
  bool notifier = false;  // tells `notifications` of the alerts
  bool operator==(const Roles&) const = default;
};

/// What `trailwarden run` needs besides what detection needs.
struct ServiceConfig {
  Roles roles;
  std::size_t workers = 1;
  std::optional<KafkaConfig> kafka;  // none: embedded
  EmbeddedConfig embedded;
  HttpConfig http;
  ApiConfig api;
  std::chrono::seconds snapshot_interval{60};
};

/// Reads the service's keys of the top section; what is wrong goes to its diagnostics.
ServiceConfig read_service(const Section& top);

/// As YAML. There are no secrets in it to hide: only where they are kept.
std::string to_yaml(const ServiceConfig& config);

/// Whether a broker list names only this machine.
bool is_loopback(const std::string& brokers);

}  // namespace trailwarden::config
