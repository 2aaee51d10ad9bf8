#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "core/time.h"
#include "stream/topic_names.h"

namespace trailwarden::stream {

/// What a broker takes for OAUTHBEARER.
struct KafkaToken {
  std::string value;
  std::chrono::sys_time<std::chrono::milliseconds> expires;
  std::string principal;
};

/// How a client makes itself known, and how it knows the brokers. Files and secrets are read once, by the clients made of it: new ones take
/// new clients (R13).
struct KafkaSecurity {
  enum class Protocol : std::uint8_t { kPlaintext, kSsl, kSaslPlaintext, kSaslSsl };
  enum class Mechanism : std::uint8_t { kPlain, kScramSha256, kScramSha512, kOauthbearer };

  Protocol protocol = Protocol::kPlaintext;
  std::string ca_file;                               // PEM; empty: the system's
  std::string certificate_file, key_file, key_password;  // PEM, for mutual TLS
  Mechanism mechanism = Mechanism::kPlain;           // of the two SASL protocols
  std::string username, password;
  /// For OAUTHBEARER: asked whenever a token is about to expire, on a thread of the client library.
  std::function<Result<KafkaToken>()> token;
};

/// A cluster and how to talk to it. Plain; copied by what is made of it.
struct KafkaConnection {
  std::string brokers;  // "host:port,host:port"
  std::string client_id = "trailwarden";
  std::string client_rack;  // zone: reads from the follower that is in it
  KafkaSecurity security;
  std::size_t max_message_bytes = 1'000'000;  // what producers take, key and headers included
  std::vector<std::pair<std::string, std::string>> properties;  // librdkafka's, besides our own; see `forbidden_property`
  /// Statistics of each client as librdkafka writes them, every 5 s, on the thread that polls; "type" and "name" say whose.
  std::function<void(std::string_view json)> on_statistics;
};

/// What one member of a group is made of.
struct KafkaLogOptions {
  /// Where a partition begins for which nothing was ever committed. Once decided it holds until the first commit.
  struct StartFrom {
    enum class Kind : std::uint8_t { kNobodySaid, kEarliest, kLatest, kTime };
    Kind kind = Kind::kNobodySaid;
    AppendTime time{};  // kTime: at the first record not older than this
  };

  KafkaConnection connection;
  std::string group;
  std::vector<std::string> inputs;   // topics
  std::vector<std::string> own_inputs;  // of these, topics that the service itself writes: where nobody said where to begin, they begin with all they hold
  std::string topic_prefix{kTopicPrefix};  // of the service's own topics on this cluster
  std::vector<std::string> outputs;  // topics that will be written to, as the cluster calls them; known ones are not waited for (R2)
  std::string ticks_topic;           // as the cluster calls it; empty: no ticks
  std::string transactional_id;      // the same after a restart, and of nobody else
  std::string group_instance_id;     // empty: not a static member (R14)
  StartFrom start_from;
  std::chrono::milliseconds session_timeout{15'000};
  std::chrono::milliseconds max_poll_interval{60'000};  // without a poll the group gives our partitions away; also what giving them back may take
  std::chrono::milliseconds transaction_timeout{10'000};
  std::size_t prefetch_bytes = std::size_t{256} << 20;  // of all partitions together; below a second of peak input the client idles while it catches up (R4)
};

/// Why a property may not be set by hand: because exactly-once rests on it, or because a field above says it. None: it may.
std::optional<std::string> forbidden_property(std::string_view name);

}  // namespace trailwarden::stream
